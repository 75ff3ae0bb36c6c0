"""What `footprint-agent doctor` tells a stranger, on hosts in every state, and its exit code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.exporters.nobody import footprint_agent, shared_folder
from tests.exporters.test_nvml import FIRST, SECOND, Cards, cards
from tests.powercap import make_zone, scripted
from tests.running import Agent, Service, ended

__all__ = ["cards"]  # a fixture

W = 1_000_000


def doctor(folder: Path, *arguments: object, nobody: bool = False, **env: str) -> tuple[int, str]:
    """Exit code and report, on a host with folders of its own."""
    result = footprint_agent(
        *("doctor", "--state-dir", folder / "state", "--run-dir", folder / "run"),
        *("--host-id", "host", *arguments),
        nobody=nobody,
        **env,
    )
    assert "Traceback" not in result.stderr
    assert result.stderr == ""
    return result.returncode, result.stdout


def config(folder: Path, text: str) -> tuple[str, Path]:
    """A configuration file as an option."""
    path = folder / "agent.toml"
    path.write_text(text)
    return "--config", path


def test_this_host_is_told_whole_and_well(tmp_path: Path) -> None:
    """Without a GPU library and on real files: what is read with its watts, what is not and why;
    nothing is written."""
    code, report = doctor(tmp_path)
    assert code == 0, report
    assert re.search("(reading|estimating) your processors: .* W", report)
    assert "All that should work does." in report
    assert "outside the boundary, never zero" in report
    assert not (tmp_path / "state").exists()
    assert not (tmp_path / "run").exists()


def test_counters_are_proven_by_two_readings(tmp_path: Path) -> None:
    """A package that counts 50 W is read, and memory that nobody measures is named."""
    with scripted(tmp_path, power_uw=50 * W, range_uj=10**12, limit_uw=200 * W) as (root, counter):
        counter.go()
        options = config(tmp_path, 'nvml = "off"\n')
        code, report = doctor(tmp_path, *options, "--powercap-root", root, "--json")
    found = json.loads(report)
    (device,) = found["devices"]
    assert code == 0
    assert (device["device"], device["component"], device["quality"]) == (
        "package-0",
        "cpu",
        "counter",
    )
    assert device["power_watts"] == pytest.approx(50, rel=0.2)
    assert found["boundary"] == {"cpu": "counter", "dram": "absent", "gpu": "absent"}
    assert found["ok"] is True


def test_an_unreadable_counter_is_broken_with_its_remedy() -> None:
    """Root-only RAPL files: no model in their place, the file, what to install, exit code 1."""
    with shared_folder() as folder:
        make_zone(folder / "powercap", "intel-rapl:0", "package-0", range_uj=10**9).chmod(0o400)
        options = config(folder, 'nvml = "off"\n')
        root = folder / "powercap"
        code, report = doctor(folder, *options, "--powercap-root", root, nobody=True)
    assert code == 1
    assert "NOT reading your processors: there, and cannot be read: see BROKEN" in report
    assert f"BROKEN   rapl: cannot read {root}/intel-rapl:0/energy_uj: permission denied" in report
    assert "-> install the shipped udev rule (group footprint, 0440) or run as root" in report
    assert "udevadm trigger --action=add --subsystem-match=powercap" in report
    assert "codecarbon" not in report


def test_a_counter_that_stands_still_for_a_second_is_found_and_no_defect(tmp_path: Path) -> None:
    """An idle or coarse counter may not move between the two readings: said, to be repeated."""
    make_zone(tmp_path / "powercap", "intel-rapl:0", "package-0", range_uj=10**12)
    options = config(tmp_path, 'nvml = "off"\n')
    code, report = doctor(tmp_path, *options, "--powercap-root", tmp_path / "powercap")
    assert code == 0
    assert "\nreading your processors: 1 found, and no counter moved in this second" in report
    assert "note     cpu package-0: its counter did not move in a second" in report
    assert "NOT reading your processors" not in report


def test_cards_are_summed_in_one_line(cards: Cards, tmp_path: Path) -> None:
    """'Is it reading my GPU?': how many, how many watts, by which quality."""
    cards.set(
        f"{FIRST} 0 0 1 700000 energy=3 power=130000", f"{SECOND} 0 0 0 700000 energy=3 power=90000"
    )
    code, report = doctor(tmp_path, *config(tmp_path, 'model = "off"\n'), **cards.environment)
    assert code == 0, report
    assert "reading your GPU: 2 found, 220 W (integrated)" in report
    assert f"ok       gpu {FIRST}: 130.0 W (integrated, read by nvml)" in report


STATES = {
    "lost": (f"{FIRST} 5 15 1 700000", 1, "card number 0: GPU is lost", "dmesg"),
    "refused": (f"{FIRST} 5 4 1 700000", 1, "Insufficient Permissions", "run as root"),
    "unsupported": (f"{FIRST} 5 3 1 700000", 0, "Not Supported", "meter the node"),
    "mig empty": (f"{FIRST} 5 0 1 700000 mig=11", 1, "MIG is on with no instance", "mig -i"),
    "mig pending": (f"{FIRST} 5 0 1 700000 mig=10", 1, "pending: off", "--gpu-reset"),
    "vgpu": (f"{FIRST} 5 0 1 700000 virt=2", 0, "a share of a board", "on the hypervisor"),
    "passthrough": (f"{FIRST} 5 0 1 700000 virt=1", 0, "passed through to this guest", ""),
    "mig": (f"{FIRST} 5 0 1 700000 mig=11 instances=7", 0, "counted once", ""),
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_each_state_of_a_card_is_said_with_its_remedy(
    cards: Cards, tmp_path: Path, state: tuple[str, int, str, str]
) -> None:
    """A stranger reads what is the matter and what to do; a defect is exit code 1."""
    card, code, says, remedy = state
    cards.set(card, f"{SECOND} 0 0 0 700000 energy=3 power=90000")
    found, report = doctor(tmp_path, *config(tmp_path, 'model = "off"\n'), **cards.environment)
    assert found == code, report
    lines = report.splitlines()
    (at,) = [number for number, line in enumerate(lines) if says in line][:1]
    assert lines[at].startswith("BROKEN") == bool(code)
    assert remedy in lines[at + 1]
    if says.startswith(("card number", "MIG is on")):
        assert "not all: see BROKEN" in report
    assert "90 W" in report


EXAMINE = """
import json, sys
from pathlib import Path
from exporters import doctor, doctor_report
from exporters.settings import Settings
report = doctor.examine(Settings(host_id="host", state_dir=sys.argv[1], run_dir=sys.argv[1]),
                        sys=Path(sys.argv[2]), pause=lambda seconds: None)
print(doctor_report.as_json(report))
"""


def with_pci(folder: Path, *cards_: tuple[str, str], **environment: str) -> dict[str, Any]:
    """The report on a host whose PCI bus has these (vendor, class)."""
    for number, (vendor, kind) in enumerate(cards_):
        device = folder / "sys" / "bus" / "pci" / "devices" / f"0000:0{number}:00.0"
        device.mkdir(parents=True)
        (device / "vendor").write_text(f"{vendor}\n")
        (device / "class").write_text(f"{kind}\n")
    answer = subprocess.run(
        [sys.executable, "-c", EXAMINE, str(folder), str(folder / "sys")],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(answer.stdout)
    assert isinstance(found, dict)
    return found


def check_of(report: dict[str, Any], about: str) -> dict[str, str]:
    """The first check about something."""
    return next(check for check in report["checks"] if check["about"] == about)


def test_a_card_on_the_bus_without_library_or_driver_is_broken(
    cards: Cards, tmp_path: Path
) -> None:
    """The card is plugged in: that nothing reads it is no mere absence."""
    card = ("0x10de", "0x030200")
    report = with_pci(tmp_path, card, ("0x8086", "0x030000"))
    assert check_of(report, "nvml")["state"] == "BROKEN"
    assert "libnvidia-ml1" in check_of(report, "nvml")["remedy"]
    assert report["ok"] is False
    for init, remedy in ((9, "modprobe nvidia"), (18, "reboot")):
        cards.set(init=init)
        report = with_pci(tmp_path / str(init), card, **cards.environment)
        assert remedy in check_of(report, "nvml")["remedy"]


def test_a_card_that_the_driver_does_not_show_is_missed(cards: Cards, tmp_path: Path) -> None:
    """Two on the bus, one from NVML."""
    cards.set(f"{FIRST} 5 0 1 700000")
    card = ("0x10de", "0x030200")
    report = with_pci(tmp_path, card, card, **cards.environment)
    check = check_of(report, "nvml")
    assert check["state"] == "BROKEN"
    assert check["says"] == "2 NVIDIA GPU on the PCI bus, NVML shows 1"


def test_accelerators_of_other_makers_are_named_as_unread(tmp_path: Path) -> None:
    """A card that this version cannot read is unknown, not absent; a screen adapter is none."""
    report = with_pci(tmp_path, ("0x1002", "0x038000"), ("0x1002", "0x030000"))
    assert check_of(report, "gpu")["says"].startswith("1 of other makers on the PCI bus")
    assert report["ok"] is True


def test_beside_a_running_agent_it_takes_no_lock_and_says_so(tmp_path: Path) -> None:
    """The agent goes on; its lock is seen, its /metrics answer."""
    options = config(tmp_path, 'nvml = "off"\n')
    make_zone(tmp_path / "powercap", "intel-rapl:0", "package-0", range_uj=10**9, limit_uw=W)
    root = str(tmp_path / "powercap")
    agent = Agent(tmp_path, "--powercap-root", root)
    with ended(agent):
        listen = ("--listen", agent.address)
        code, report = doctor(tmp_path, *options, "--powercap-root", root, *listen)
        assert code == 0, report
        assert f"ok       agent: one runs; {agent.url}/metrics answers" in report
        assert agent.terminate() == 0
    _, report = doctor(tmp_path, *options, "--powercap-root", root)
    assert "agent: none runs on this host" in report


def test_the_service_is_reached_or_its_trouble_named(tmp_path: Path) -> None:
    """A service that takes pages is well; one that is away and a file that is none are not."""
    options = ("--powercap-root", tmp_path, *config(tmp_path, 'nvml = "off"\n'))
    service = Service(tmp_path)
    with ended(service):
        code, report = doctor(tmp_path, *options, "--service", service.url)
        assert code == 0, report
        assert f"ok       service: {service.url} answers, and takes pages" in report
        code, report = doctor(tmp_path, *options, "--service", f"{service.url}/elsewhere")
        assert code == 1
        assert "is this the address of the footprint service?" in report
    code, report = doctor(tmp_path, *options, "--service", service.url)
    assert code == 1
    assert f"BROKEN   service: {service.url} does not answer: " in report
    absent = tmp_path / "absent"
    code, report = doctor(tmp_path, *options, "--service", service.url, "--token-file", absent)
    assert code == 1
    assert f"token_file: cannot read {absent}" in report


def test_a_home_that_is_closed_to_its_user_is_broken() -> None:
    """The default folder for the spool lies where the user may not even look: a check, no trace."""
    with shared_folder() as folder:
        home = folder / "home"
        home.mkdir(mode=0o700)
        answer = footprint_agent("doctor", "--json", nobody=True, HOME=str(home))
    report = json.loads(answer.stdout)
    (spool,) = [check for check in report["checks"] if check["about"] == "spool"]
    assert spool["state"] == "BROKEN"
    assert "permission denied" in spool["says"]
    assert str(home) in spool["says"]


def test_a_spool_that_cannot_be_written_is_broken() -> None:
    """The folder and what to do, before the agent stumbles over it."""
    with shared_folder() as folder:
        closed = folder / "closed"
        closed.mkdir(mode=0o755)
        options = ("--powercap-root", folder, *config(folder, 'nvml = "off"\n'))
        code, report = doctor(folder, *options, "--state-dir", closed / "state", nobody=True)
        assert code == 1
        assert f"BROKEN   spool: cannot write {closed}/state: permission denied" in report


def test_a_rule_that_matches_nothing_is_told(tmp_path: Path) -> None:
    """A misspelt unit would leave its energy with @system."""
    rule = '[[workloads]]\ncgroup = "/no/such.service"\nsia = "chat"\n'
    _, report = doctor(tmp_path, *config(tmp_path, f'nvml = "off"\n{rule}'))
    assert "no control group matches /no/such.service of SIA chat now" in report or (
        "no tree of control groups" in report
    )


def test_nothing_readable_at_all_is_broken(tmp_path: Path) -> None:
    """Every sensor off or absent: the agent would not start, and the doctor says so."""
    options = config(tmp_path, 'nvml = "off"\nmodel = "off"\n')
    code, report = doctor(tmp_path, *options, "--powercap-root", tmp_path)
    assert code == 1
    assert "BROKEN   sensors: nothing on this host can be read" in report
