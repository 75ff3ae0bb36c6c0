"""Copies of a host, and two agents on one: neither counts the other's joules, and both say so."""

import contextlib
import itertools
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from exporters import fingerprint
from exporters.errors import SpoolError
from exporters.keeper import HARDWARE, check_hardware
from exporters.spool import Spool
from tests.exporters.spools import HOST, fill
from tests.powercap import scripted
from tests.running import Agent, Service, ended, samples, wait_until
from tests.tools import require_tool


def machine(folder: Path, uuid: str = "", cards: tuple[str, ...] = ()) -> Path:
    """The part of /sys that identifies a machine."""
    dmi = folder / "class" / "dmi" / "id"
    dmi.mkdir(parents=True, exist_ok=True)
    if uuid:
        (dmi / "product_uuid").write_text(f"{uuid}\n")
    (dmi / "board_serial").write_text("To be filled by O.E.M.\n")
    for number, address in enumerate(cards):
        card = folder / "class" / "net" / f"eth{number}"
        (card / "device").mkdir(parents=True)
        (card / "addr_assign_type").write_text("0\n")
        (card / "address").write_text(f"{address}\n")
    bridge = folder / "class" / "net" / "docker0"
    bridge.mkdir(parents=True, exist_ok=True)
    (bridge / "address").write_text("02:42:00:00:00:01\n")
    return folder


FIRST, SECOND = "52:54:00:00:00:01", "52:54:00:00:00:02"


@pytest.mark.parametrize(
    ("then", "now", "other"),
    [
        (("aa-1", (FIRST,)), ("aa-1", (FIRST,)), False),
        (("aa-1", (FIRST,)), ("bb-2", (SECOND,)), True),
        (("aa-1", (FIRST,)), ("aa-1", (SECOND,)), False),  # a card was exchanged
        (("aa-1", (FIRST,)), ("bb-2", (FIRST,)), False),  # the board was
        (("", (FIRST, SECOND)), ("", (SECOND,)), False),
        (("", (FIRST,)), ("", (SECOND,)), True),
        (("aa-1", ()), ("", (FIRST,)), False),  # nothing to compare
        (("00000000-0000", ()), ("ffffffff-ffff", ()), False),  # no identity at all
    ],
)
def test_another_machine_is_one_of_which_no_piece_is_the_same(
    tmp_path: Path,
    then: tuple[str, tuple[str, ...]],
    now: tuple[str, tuple[str, ...]],
    other: bool,
) -> None:
    """A repaired machine is the same; a clone has nothing of its original."""
    before = fingerprint.marks(machine(tmp_path / "then", *then))
    after = fingerprint.marks(machine(tmp_path / "now", *now))
    assert fingerprint.is_other(after, before) == other


def test_what_is_noted_of_a_machine_names_nothing_of_it(tmp_path: Path) -> None:
    """Digests alone, readable by the owner alone; what cannot be read today is kept."""
    path = tmp_path / "hardware"
    fingerprint.note(path, fingerprint.marks(machine(tmp_path / "sys", "aa-1", (FIRST,))))
    fingerprint.note(path, fingerprint.marks(machine(tmp_path / "later", "", (FIRST, SECOND))))
    text = path.read_text()
    assert "aa-1" not in text
    assert FIRST not in text
    assert {kind: len(found) for kind, found in fingerprint.noted(path).items()} == {
        "uuid": 1,
        "network": 2,
    }
    assert path.stat().st_mode & 0o777 == 0o600


def keep(state: Path, host_id: str, sys: Path, pages: int) -> None:
    """What an agent does that starts there."""
    check_hardware(state, host_id, sys)
    spool = Spool(state / "spool.db", host_id)
    fill(spool, pages)
    spool.close()
    fingerprint.note(state / HARDWARE, fingerprint.marks(sys))


def test_a_copy_under_the_same_name_is_refused_until_the_operator_says_which_it_is(
    tmp_path: Path,
) -> None:
    """One line with both remedies; the one for exchanged hardware works."""
    state, here = tmp_path / "state", machine(tmp_path / "here", "aa-1", (FIRST,))
    keep(state, HOST, here, 0)
    check_hardware(state, HOST, here)
    copy = machine(tmp_path / "there", "bb-2", (SECOND,))
    with pytest.raises(SpoolError, match="kept on other hardware") as caught:
        check_hardware(state, HOST, copy)
    assert "systemd-machine-id-setup" in str(caught.value)
    assert f"delete {state / 'hardware'}" in str(caught.value)
    (state / "hardware").unlink()
    check_hardware(state, HOST, copy)


def test_a_copy_that_has_a_name_of_its_own_begins_a_ledger_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A clone whose machine id was made anew meters at once; its original sends what was copied."""
    state = tmp_path / "state"
    keep(state, HOST, machine(tmp_path / "here", "aa-1", (FIRST,)), 3)
    check_hardware(state, "host-2", machine(tmp_path / "there", "bb-2", (SECOND,)))
    assert "begins a ledger of its own" in caplog.text
    clone = Spool(state / "spool.db", "host-2")
    assert (clone.parent, clone.load(), clone.counts().waiting) == (None, None, 0)
    clone.close()
    assert any(path.name.startswith("spool.db.of-host-1-") for path in state.iterdir())


def metric(agent: Agent, name: str) -> float:
    """One sample of an agent; before its first tick it has none."""
    return agent.metrics().get(name, 0.0)


@pytest.mark.slow
def test_two_agents_of_one_host_cover_no_time_twice_and_both_sides_say_so(tmp_path: Path) -> None:
    """A package and a container that see no common lock: what the second one tells of a time that
    counts already is kept out, its log and its metric say it, and so do the service's. Where one
    agent's page follows the other's, what a reading was late for its boundary (50 ms, and on a busy
    machine what it waited for its turn) counts twice."""
    watts = {"power_uw": 50_000_000, "range_uj": 10**12, "limit_uw": 10**8}
    with scripted(tmp_path, **watts) as (root, counter):
        service = Service(tmp_path)
        arguments = ("--service", service.url, "--powercap-root", str(root), "--page-seconds", "1")
        agents = []
        for name in ("package", "container"):
            (tmp_path / name).mkdir()
            agents.append(Agent(tmp_path / name, *arguments))
        with ended(service, *agents):
            counter.go()
            kept_out = "footprint_agent_quarantined_pages_total"
            wait_until(lambda: sum(metric(one, kept_out) for one in agents) > 3, "the alarm")
            true_uj = counter.hold()
            time.sleep(1.5)
            told = [metric(one, kept_out) for one in agents]
            for one in agents:
                assert one.terminate() == 0
            held = samples(service.get("/metrics").decode())
            assert held["footprint_service_quarantined_pages"] >= sum(told) > 3
            for one, count in zip(agents, told, strict=True):
                assert ("pages out of its totals" in one.output()) >= (count > 0)
            assert "is quarantined: overlap" in service.output()
    with contextlib.closing(sqlite3.connect(service.database)) as database:
        (total_uj,) = database.execute("SELECT sum(energy_uj) FROM entry").fetchone()
        query = "SELECT start_us, end_us FROM page WHERE state = 'accepted' ORDER BY start_us"
        accepted = database.execute(query).fetchall()
    assert all(end_us <= start_us for (_, end_us), (start_us, _) in itertools.pairwise(accepted))
    assert total_uj < true_uj * 3 // 2  # counted twice it would be nearly the double


HOLD = """
import sys, time
from pathlib import Path
from exporters.errors import AgentError
from exporters.lock import HOSTS_OWN, Lock
try:
    Lock(HOSTS_OWN, Path(sys.argv[1]))
except AgentError as error:
    print(error, flush=True)
else:
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_lock_for_a_package_and_a_container(tmp_path: Path) -> None:
    """Two agents with run folders of their own, in mount namespaces of their own: the second one
    finds the tree that both watch held, and names it."""
    unshare, mount = require_tool("unshare"), require_tool("mount")
    inside = f"{mount} -t tmpfs tmpfs /run && exec {sys.executable} -c '{HOLD}' {tmp_path}"
    command = [unshare, "--mount", "sh", "-c", inside]
    first = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert first.stdin is not None
    assert first.stdout is not None
    assert first.stderr is not None
    try:
        line = first.stdout.readline()
        if not line and "perm" in first.stderr.read().lower():
            pytest.skip("a mount namespace needs root")
        assert line == "held\n"
        second = subprocess.run(command, capture_output=True, text=True, check=False, input="")
        assert second.stdout.startswith("lock: another footprint-agent meters this host, maybe in")
        assert str(tmp_path) in second.stdout
    finally:
        first.stdin.close()
        first.wait(30)
        first.stdout.close()
        first.stderr.close()
    third = subprocess.run(command, capture_output=True, text=True, check=False, input="")
    assert third.stdout == "held\n"


def test_the_note_is_one_that_a_person_can_delete(tmp_path: Path) -> None:
    """JSON; one that cannot be read is as good as none."""
    path = tmp_path / "hardware"
    fingerprint.note(path, {"uuid": ["a"]})
    assert msgspec.json.decode(path.read_bytes()) == {"uuid": ["a"]}
    path.write_bytes(b"\xff{")
    assert fingerprint.noted(path) == {}
