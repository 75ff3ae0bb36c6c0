"""RAPL by perf_event_open on this kernel's own events: counts, epochs, refusals, and which door."""

import json
import logging
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from exporters.clock import Boot, boottime_ns
from exporters.errors import SensorError
from exporters.sensors import rapl_choice
from exporters.sensors.perf_event import Count, events
from exporters.sensors.rapl import Rapl
from exporters.sensors.rapl_perf import MOST_UNCOUNTED_NS, RaplPerf, discover, uncounted
from exporters.sensors.sensor import Absent, Failure
from footprint.ledger import Page, verify_chain
from footprint.reading import Counter, Gap, consumed
from footprint.units import Energy, uj_from_counts
from tests.exporters.nobody import footprint_agent, shared_folder, the_line
from tests.exporters.perf_pmu import Pmu, require_perf, stop_counting
from tests.powercap import make_zone
from tests.running import Agent, page_bodies

BOOT = Boot("boot")
UJ_PER_NS = Fraction(1, 1000)  # 1 W


def found(pmu: Pmu) -> RaplPerf:
    """The sensor on a PMU that has one."""
    require_perf()
    sensor = discover(pmu.root, BOOT, pmu.topology, pmu.proc)
    assert isinstance(sensor, RaplPerf)
    return sensor


def reading(sensor: RaplPerf) -> Counter | Failure:
    """The only device's reading."""
    (outcome,) = sensor.read().values()
    assert isinstance(outcome, Counter | Failure)
    return outcome


def cause(sensor: RaplPerf) -> str:
    """Why the only device could not be read."""
    outcome = reading(sensor)
    assert isinstance(outcome, Failure), outcome
    assert "\n" not in outcome.error
    return outcome.gap.cause


def roles(pmu: Pmu) -> dict[str, str]:
    """What each device counts as."""
    sensor = found(pmu)
    sensor.close()
    names = [device.device for device in sensor.devices()]
    assert len(names) == len(set(names))
    return {
        device.device: "evidence" if device.evidence else str(device.component)
        for device in sensor.devices()
    }


def test_the_kernels_counts_become_microjoules(tmp_path: Path) -> None:
    """An event of one joule a second shows, between two readings, the time between them."""
    sensor = found(Pmu(tmp_path))
    outside, times = [], []
    for pause in (0.05, 0):
        times.append(boottime_ns())
        outside.append(reading(sensor))
        times.append(boottime_ns())
        time.sleep(pause)
    sensor.close()
    energy = consumed(*outside)  # type: ignore[arg-type]
    assert isinstance(energy, Energy)
    assert (times[2] - times[1]) * UJ_PER_NS * 99 / 100 <= energy.uj
    assert energy.uj <= (times[3] - times[0]) * UJ_PER_NS * 101 / 100


def test_devices_carry_powercaps_names(tmp_path: Path) -> None:
    """The same counters under the same names: packages and memory count, what lies inside or around
    them is evidence; each page says by what it was read."""
    pmu = Pmu(tmp_path, "pkg", "ram", "cores", "gpu", "psys", "new", cpumask="0-1")
    pmu.cpu(1, package=1)
    assert roles(pmu) == {
        "package-0": "cpu",
        "package-1": "cpu",
        "package-0-dram": "dram",
        "package-1-dram": "dram",
        "package-0-core": "evidence",
        "package-1-core": "evidence",
        "package-0-uncore": "evidence",
        "package-1-uncore": "evidence",
        "package-0-new": "evidence",
        "package-1-new": "evidence",
        "psys": "evidence",
    }
    sensor = found(Pmu(tmp_path / "one"))
    sensor.close()
    assert sensor.devices()[0].parameters == {
        "interface": "perf",
        "event": "energy-pkg",
        "joules_per_count": "1e-9",
    }


def test_every_die_of_intels_is_a_package_of_its_own(tmp_path: Path) -> None:
    """Two dies of one package have a counter each."""
    pmu = Pmu(tmp_path, cpumask="0,1")
    pmu.cpu(1, die=1)
    assert roles(pmu) == {"package-0-die-0": "cpu", "package-0-die-1": "cpu"}


def test_amds_complexes_show_one_package_and_are_counted_once(tmp_path: Path) -> None:
    """A kernel that names a CPU for each complex: every one of them would be the same joules."""
    pmu = Pmu(tmp_path, cpumask="0-1")
    pmu.cpu(1, die=1)
    pmu.cpuinfo("AuthenticAMD")
    assert roles(pmu) == {"package-0": "cpu"}
    pmu.cpu(1)
    pmu.cpuinfo("GenuineIntel")
    assert roles(pmu) == {"package-0": "cpu"}


def test_a_scale_is_the_fraction_that_it_says(tmp_path: Path) -> None:
    """2^-32 J as the kernel writes it, with every digit; one second of 1 W is one joule again."""
    pmu = Pmu(tmp_path)
    pmu.file("events/energy-pkg.scale", "2.3283064365386962890625e-10")
    (event,) = events(pmu.folder, "energy-")
    assert event.joules_per_count == Fraction(1, 2**32)
    assert uj_from_counts(2**32, event.joules_per_count) == 1_000_000
    assert uj_from_counts(2**64, event.joules_per_count) == 2**32 * 1_000_000


def test_readings_of_a_total_lose_no_remainder() -> None:
    """A thousand steps of a count that is no whole microjoule add up to the total's."""
    size, step = Fraction(1, 2**32), 65_537
    values = [uj_from_counts(step * number, size) for number in range(1001)]
    differences = [after - before for before, after in pairwise(values)]
    assert sum(differences) == uj_from_counts(1000 * step, size) == 15259
    assert set(differences) == {15, 16}


def test_an_events_bits_go_where_its_format_says(tmp_path: Path) -> None:
    """Values are laid over the named bits of the named words, lowest first."""
    pmu = Pmu(tmp_path)
    pmu.file("format/umask", "config1:3,8-9")
    pmu.file("format/flag", "config2:63")
    pmu.file("events/energy-pkg", "event=0x02,umask=0x5,flag,config=0x100")
    (event,) = events(pmu.folder, "energy-")
    assert event.config == (0x102, 1 << 3 | 1 << 9, 1 << 63)


GARBAGE = {
    "events/energy-pkg.scale": ("", "x", "0", "-1", "nan", "Infinity", "1e999999999", None),
    "events/energy-pkg.unit": ("", "mWatts", None),
    "events/energy-pkg": ("event=zz", "event=0x100", "event=-1", "umask=1", "a/b=1", ""),
    "format/event": ("config:", "config9:0", "config:64", "config:7-0", None),
    "type": ("", "x", "-1", None),
    "cpumask": ("x", "0-", "0-99999999", "1,,x", None),
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in GARBAGE.items() for text in texts]
)
def test_a_description_that_is_not_whole_is_an_error(
    tmp_path: Path, name: str, text: str | None
) -> None:
    """No default and no guess stands in for what a joule is: one line with file and remedy."""
    pmu = Pmu(tmp_path)
    path = pmu.file(name, text or "")
    if text is None:
        path.unlink()
    with pytest.raises(SensorError) as error:
        discover(pmu.root, BOOT, pmu.topology, pmu.proc)
    assert str(pmu.folder) in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith('rapl = "powercap"')


def test_a_topology_that_says_nothing_is_an_error(tmp_path: Path) -> None:
    """Whose package a CPU's counter is must be known."""
    pmu = Pmu(tmp_path)
    path = pmu.topology / "cpu0" / "topology" / "physical_package_id"
    for text in ("x", "-1", None):
        path.write_text(f"{text}\n") if text else path.unlink()
        with pytest.raises(SensorError, match=str(path)):
            discover(pmu.root, BOOT, pmu.topology, pmu.proc)


def test_no_pmu_and_no_event_are_absent(tmp_path: Path) -> None:
    """A virtual machine has no PMU `power`; another driver's has no energy event."""
    assert isinstance(discover(tmp_path, BOOT), Absent)
    pmu = Pmu(tmp_path, "pkg", cpumask="")
    assert isinstance(discover(pmu.root, BOOT, pmu.topology, pmu.proc), Absent)
    pmu.file("cpumask", "0")
    for path in (pmu.folder / "events").iterdir():
        path.unlink()
    pmu.file("events/power-pkg", "event=0x01")
    assert isinstance(discover(pmu.root, BOOT, pmu.topology, pmu.proc), Absent)


def test_an_event_that_stops_is_a_gap_and_begins_anew(tmp_path: Path) -> None:
    """The kernel stops counting: absent, not zero; then a new sum, and the time between is a gap
    whatever the two values are."""
    sensor = found(Pmu(tmp_path))
    before = reading(sensor)
    assert isinstance(before, Counter)
    assert stop_counting() == 1
    reading(sensor)  # what was counted until it stopped
    assert cause(sensor) == "absent"
    after = reading(sensor)
    again = reading(sensor)
    sensor.close()
    assert isinstance(after, Counter)
    assert consumed(before, after) == Gap("outage")
    assert isinstance(consumed(after, again), Energy)  # type: ignore[arg-type]
    assert stop_counting() == 0  # nothing is left open


def test_a_package_without_a_cpu_comes_back(tmp_path: Path) -> None:
    """A mask that loses its CPU, and one that names a CPU this machine does not have."""
    pmu = Pmu(tmp_path, cpumask="0,4095")
    pmu.cpu(4095, package=1)
    sensor = found(pmu)
    readings = sensor.read()
    assert isinstance(readings["package-0"], Counter)
    assert isinstance(readings["package-1"], Failure)
    assert "package-1 by perf (energy-pkg): Invalid argument" in readings["package-1"].error
    pmu.file("cpumask", "0")
    gone = sensor.read()["package-1"]
    assert isinstance(gone, Failure)
    assert gone.gap == Gap("absent")
    assert "no CPU of it is online" in gone.error
    pmu.cpu(0, package=1)
    assert isinstance(sensor.read()["package-1"], Counter)
    sensor.close()


def test_a_pmu_that_the_kernel_does_not_have_is_a_failure(tmp_path: Path) -> None:
    """The driver went after it was described: absent, and back with it."""
    pmu = Pmu(tmp_path)
    pmu.file("type", "999999")
    sensor = found(pmu)
    assert cause(sensor) == "absent"
    sensor.close()


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (Count(5, 1000, 1000), None),
        (Count(5, 10**9, 10**9 - MOST_UNCOUNTED_NS), None),
        (Count(5, 10**9, 10**9 - MOST_UNCOUNTED_NS - 1), "did not count for 1000001 ns"),
        (Count(5, 999, 999), "no longer counts"),
        (Count(5, 10, 10), "no longer counts"),
    ],
)
def test_time_that_was_not_counted_is_told(count: Count, says: str | None) -> None:
    """Enabled and running must be one time, and must move; 999 ns before."""
    trouble = uncounted(999, count)
    assert (says is None and trouble is None) or (says or "") in (trouble or "nothing")


def paranoid() -> int:
    """This kernel's setting; skips where it lets everybody count."""
    value = int(Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    if value <= 0:
        pytest.skip("needs a machine where kernel.perf_event_paranoid is above 0")
    return value


def refused(folder: Path, pmu: Pmu, choice: str) -> str:
    """The line with which the agent of somebody without rights ends."""
    config = folder / "agent.toml"
    config.write_text(f'rapl = "{choice}"\nevent_source_root = "{pmu.root}"\nnvml = "off"\n')
    arguments = ["--config", config, "--powercap-root", folder / "powercap", "--host-id", "host"]
    arguments += ["--state-dir", folder / "state", "--run-dir", folder / "run"]
    return the_line(
        footprint_agent("start", *arguments, "--listen", "127.0.0.1:0", nobody=True)
    ).removeprefix("footprint-agent: ")


def test_a_refusal_ends_the_agent_with_the_remedies() -> None:
    """The kernel refuses a user without rights: one line with its setting, what to grant, and no
    model in the counter's place."""
    require_perf()
    with shared_folder() as folder:
        line = refused(folder, Pmu(folder), "auto")
    assert line == (
        "rapl: cannot read package-0 by perf (energy-pkg): permission denied "
        f"(kernel.perf_event_paranoid = {paranoid()}); install deploy/footprint-agent-perf.conf "
        "(AmbientCapabilities=CAP_PERFMON), or set kernel.perf_event_paranoid=0, or run as root, "
        'or leave RAPL to the model with rapl = "powercap"'
    )


def test_where_both_refuse_the_remedy_is_powercaps() -> None:
    """Its counters survive a restart: of two doors, open that one."""
    require_perf()
    paranoid()
    with shared_folder() as folder:
        make_zone(folder / "powercap", "intel-rapl:0", "package-0", range_uj=10**9).chmod(0o400)
        line = refused(folder, Pmu(folder), "auto")
    assert line.endswith("install the shipped udev rule (group footprint, 0440) or run as root")


def test_powercap_is_read_where_it_can_be_and_never_both(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The choice: powercap, else perf; perf alone or powercap alone where the setting says so."""
    require_perf()
    caplog.set_level(logging.INFO, "footprint.agent")
    pmu, powercap = Pmu(tmp_path), tmp_path / "powercap"

    def chosen(choice: rapl_choice.Choice) -> type:
        sensor = rapl_choice.discover(choice, powercap, pmu.root, BOOT)
        if not isinstance(sensor, Absent):
            sensor.close()
        return type(sensor)

    choices: tuple[rapl_choice.Choice, ...] = ("auto", "powercap", "perf")
    assert [chosen(choice) for choice in choices] == [RaplPerf, Absent, RaplPerf]
    make_zone(powercap, "intel-rapl:0", "package-0", range_uj=10**9)
    assert [chosen(choice) for choice in choices] == [Rapl, Rapl, RaplPerf]
    (powercap / "intel-rapl:0" / "name").unlink()
    assert chosen("auto") is RaplPerf
    assert "until then perf is read" in caplog.text
    with pytest.raises(SensorError, match="intel-rapl:0/name"):
        chosen("powercap")
    pmu.file("type", "x")
    with pytest.raises(SensorError, match="intel-rapl:0/name"):
        chosen("auto")


def test_a_kill_is_a_gap_and_no_spike(tmp_path: Path) -> None:
    """kill -9 and a new start: what passed between is a gap with its cause, and the energy is that
    of the time outside the gaps, at one watt."""
    require_perf()
    pmu = Pmu(tmp_path)
    config = tmp_path / "agent.toml"
    config.write_text(
        f'rapl = "perf"\nevent_source_root = "{pmu.root}"\nnvml = "off"\nhwmon = "off"\n'
        'ipmi = "off"\ncheckpoint_seconds = 1\n'
    )
    for end in (Agent.kill, Agent.terminate):
        agent = Agent(tmp_path, "--config", str(config))
        try:
            time.sleep(3)
            end(agent)
        finally:
            agent.end()
    pages = list(verify_chain(page_bodies(tmp_path / "state" / "spool.db")))
    gaps = [gap for page in pages for gap in page.gaps]
    assert {(gap.device, gap.kind, gap.cause) for gap in gaps} == {("package-0", "gap", "outage")}
    covered_us = duration_us(pages) - sum(
        round((gap.end - gap.start).total_seconds() * 1e6) for gap in gaps
    )
    metered_uj = sum(state.metered_uj for page in pages for state in page.sensors)
    assert metered_uj == pytest.approx(covered_us, rel=0.05)
    assert metered_uj > 1_000_000


def duration_us(pages: list[Page]) -> int:
    """How long the pages are together."""
    return round(sum((page.end - page.start).total_seconds() for page in pages) * 1e6)


def test_the_doctor_reads_perf_and_says_what_would_be_better(tmp_path: Path) -> None:
    """A host whose powercap is absent: processors read, and the note that restarts are gaps."""
    require_perf()
    config = tmp_path / "agent.toml"
    config.write_text(f'event_source_root = "{Pmu(tmp_path).root}"\nnvml = "off"\n')
    result = footprint_agent(
        *("doctor", "--config", config, "--powercap-root", tmp_path / "none", "--json"),
        *("--state-dir", tmp_path / "state", "--run-dir", tmp_path / "run", "--host-id", "host"),
    )
    report = json.loads(result.stdout)
    assert [device["device"] for device in report["devices"]] == ["package-0"]
    assert report["devices"][0]["power_watts"] == pytest.approx(1, rel=0.2)
    (note,) = [check for check in report["checks"] if check["about"] == "rapl perf"]
    assert note["state"] == "note"
    assert "begin anew with each start" in note["says"]
    assert "modprobe intel_rapl_msr" in note["remedy"]
