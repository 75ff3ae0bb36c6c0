"""A power PMU that shows events without a counter behind them: no device that reads nought."""

import os
from pathlib import Path

from exporters.clock import Boot
from exporters.sensors.rapl_perf import RaplPerf, discover
from exporters.sensors.sensor import Absent, Failure
from tests.exporters.nobody import footprint_agent, shared_folder
from tests.exporters.perf_pmu import Pmu, require_perf, stop_counting

BOOT = Boot("boot")
NEVER = "event=0x08"
"""emulation-faults (linux/perf_event.h): x86 has none, and the count stands at zero."""
PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")
UNKNOWN = "event=0xff"


def looked_at(pmu: Pmu) -> RaplPerf | Absent:
    """What becomes of a PMU."""
    require_perf()
    return discover(pmu.root, BOOT, pmu.topology, pmu.proc)


def names(sensor: RaplPerf | Absent) -> set[str]:
    """The devices that are left; the sensor is closed."""
    assert isinstance(sensor, RaplPerf)
    sensor.close()
    return {device.device for device in sensor.devices()}


def test_a_guest_without_counters_has_no_rapl(tmp_path: Path) -> None:
    """As one that was seen: `energy-psys` alone, always zero. Cores may stand still."""
    for kinds in (("psys",), ("psys", "pkg", "cores")):
        pmu = Pmu(tmp_path / "-".join(kinds), *kinds)
        for kind in kinds:
            pmu.file(f"events/energy-{kind}", NEVER)
        absent = looked_at(pmu)
        assert isinstance(absent, Absent)
        assert "count nothing" in absent.reason
        assert stop_counting() == 0  # nothing is left open


def test_only_what_never_rests_is_left_out(tmp_path: Path) -> None:
    """Memory that a processor does not meter is unknown and said so; cores may well stand still."""
    pmu = Pmu(tmp_path, "psys", "pkg", "ram", "cores")
    for kind in ("psys", "ram", "cores"):
        pmu.file(f"events/energy-{kind}", NEVER)
    sensor = looked_at(pmu)
    assert isinstance(sensor, RaplPerf)
    assert "behind psys, package-0-dram: left out" in sensor.remarks()[1].says
    assert names(sensor) == {"package-0", "package-0-core"}


def test_evidence_that_is_refused_does_not_end_an_agent() -> None:
    """Without rights nobody can tell whether there is a counter; nothing that counts is lost."""
    require_perf()
    with shared_folder() as folder:
        config = folder / "agent.toml"
        root = Pmu(folder, "psys").root
        config.write_text(f'event_source_root = "{root}"\nnvml = "off"\nhwmon = "off"\n')
        arguments = ("--config", config, "--powercap-root", folder, "--state-dir", folder)
        done = footprint_agent("doctor", *arguments, "--host-id", "host", nobody=True)
    assert "BROKEN   rapl" not in done.stdout
    assert f"missing  rapl: no RAPL zone in {folder}" in done.stdout
    if os.geteuid() == 0 and int(PARANOID.read_text()) > 0:
        assert "cannot read psys by perf (energy-psys): permission denied" in done.stdout


def test_what_cannot_be_opened_stays_a_device(tmp_path: Path) -> None:
    """It may come back, and is a gap until then."""
    pmu = Pmu(tmp_path, "psys", "ram")
    pmu.file("events/energy-psys", NEVER)
    pmu.file("events/energy-ram", UNKNOWN)
    sensor = looked_at(pmu)
    assert isinstance(sensor, RaplPerf)
    assert isinstance(sensor.read()["package-0-dram"], Failure)
    assert names(sensor) == {"package-0-dram"}
