"""CPU time of declared processes and their descendants, followed where there are no groups."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters.workloads.processes import ASK_AGAIN, FOLDER, Processes, declare, read_stat
from tests.exporters.burning import BURN, Burner

PROC = Path("/proc")
TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")

FAMILY = """
import os, resource, subprocess, sys
burn = [sys.executable, "-I", "-c", sys.argv[1], "-", "0.15"]
def used(who):
    usage = resource.getrusage(who)
    return round((usage.ru_utime + usage.ru_stime) * 1e9)
for _ in range(3):
    subprocess.run(burn, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
living = subprocess.Popen(burn, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
before, after = map(int, living.stdout.readline().split())
print(used(resource.RUSAGE_SELF) + used(resource.RUSAGE_CHILDREN) + after, flush=True)
sys.stdin.readline()
living.communicate()
print(used(resource.RUSAGE_SELF) + used(resource.RUSAGE_CHILDREN), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Where processes are declared."""
    return tmp_path / "run"


@pytest.fixture
def burner() -> Iterator[Burner]:
    """A living process that used a fifth of a second."""
    result = Burner(None, 0.2)
    yield result
    result.end()


def write(run_dir: Path, name: str, content: bytes) -> Path:
    """A declaration written by hand."""
    folder = run_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_children_that_come_and_go_are_counted(run_dir: Path) -> None:
    """Ended children, a living one, and that one's end: the sum is the family's own getrusage, to
    the clock tick of /proc for each process."""
    command = [sys.executable, "-I", "-c", FAMILY, BURN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin
        assert parent.stdout
        declare(run_dir, "chat", parent.pid)
        processes = Processes(run_dir)
        for _ in range(2):
            true_ns = int(parent.stdout.readline())
            assert abs(processes.read_ns()["chat"] - true_ns) <= 6 * TICK_NS
            parent.stdin.write(b"\n")
            parent.stdin.flush()
        before = processes.read_ns()
    assert processes.read_ns() == before


ORPHANS = """
import signal, subprocess, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
burn = [sys.executable, "-I", "-c", sys.argv[1], "-", "0.2"]
for _ in range(3):
    child = subprocess.Popen(burn, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    print("burnt", flush=True)
    sys.stdin.readline()
    child.stdin.close()
    child.wait()
    print("gone", flush=True)
    sys.stdin.readline()
"""


def test_children_that_nobody_waits_for_are_counted_as_far_as_they_were_seen(run_dir: Path) -> None:
    """Their time is in no parent's sum: what was seen of one is kept when the next one runs."""
    command = [sys.executable, "-I", "-c", ORPHANS, BURN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin
        assert parent.stdout
        declare(run_dir, "chat", parent.pid)
        processes = Processes(run_dir)
        before = 0
        for _ in parent.stdout:
            for _ in range(3):
                now = processes.read_ns()["chat"]
                assert now >= before
                before = now
            parent.stdin.write(b"\n")
            parent.stdin.flush()
    assert 0.6e9 - 4 * TICK_NS <= before < 1.2e9


def test_usage_is_kept_after_death_and_the_declaration_removed(
    run_dir: Path, burner: Burner
) -> None:
    """A SIA never falls; what is left of a dead process is its time."""
    declare(run_dir, "chat", burner.pid)
    processes = Processes(run_dir)
    before = processes.read_ns()
    assert before["chat"] >= 0.2e9 - TICK_NS
    burner.end()
    assert processes.read_ns() == before
    assert list((run_dir / FOLDER).iterdir()) == []
    assert processes.read_ns() == before


def test_another_process_of_the_same_number_is_nobodys(run_dir: Path, burner: Burner) -> None:
    """A pid used again has another start time: its time is not counted, the file is removed."""
    stat = read_stat(PROC, burner.pid)
    assert stat
    file = write(run_dir, str(burner.pid), f"chat {stat.started - 1}\n".encode())
    assert Processes(run_dir).read_ns() == {"chat": 0}
    assert not file.exists()


@pytest.mark.parametrize(
    "content", [b"", b"chat", b"chat x", b"Chat 1", b"@system 1", b"a 1 2", b"\xff 1", b"chat -1"]
)
def test_a_file_that_declares_nothing_is_ignored(run_dir: Path, content: bytes) -> None:
    """Whatever stands in it."""
    write(run_dir, str(os.getpid()), content)
    assert Processes(run_dir).read_ns() == {}


@pytest.mark.parametrize("name", ["²", "x", ".12", "-1", "1.5", "99999999999999999999"])
def test_a_name_that_is_no_living_process_is_ignored(run_dir: Path, name: str) -> None:
    """Whatever it is called."""
    write(run_dir, name, b"chat 1\n")
    assert sum(Processes(run_dir).read_ns().values()) == 0


def test_no_folder_and_no_rights_are_no_processes(run_dir: Path) -> None:
    """Nobody declared anything, or a file stands where the folder should."""
    assert Processes(run_dir).read_ns() == {}
    run_dir.mkdir()
    (run_dir / FOLDER).write_text("")
    assert Processes(run_dir).read_ns() == {}


def test_a_declaration_that_cannot_be_removed_does_no_harm(run_dir: Path, burner: Burner) -> None:
    """Its process is dead; it counts nothing more, however often it is seen."""
    declare(run_dir, "chat", burner.pid)
    processes = Processes(run_dir)
    before = processes.read_ns()
    file = run_dir / FOLDER / str(burner.pid)
    file.unlink()
    file.mkdir()  # unlink of a folder is refused, also to root
    burner.end()
    assert processes.read_ns() == before
    assert processes.read_ns() == before


def test_a_process_name_of_any_bytes_is_read_past() -> None:
    """Names are cut after 15 bytes, also inside a letter, and may hold parentheses and spaces."""
    program = (
        "import sys; open('/proc/self/comm', 'wb').write(sys.argv[1].encode('latin-1'));"
        "print(flush=True); sys.stdin.read()"
    )
    for name in ("d\xe9mo", ") R 1 2 3", "a\nb"):
        command = [sys.executable, "-c", program, name]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            stat = read_stat(PROC, process.pid)
            own = read_stat(PROC, os.getpid())
            process.communicate()
        assert stat
        assert own
        assert 0 <= stat.started - own.started < 10**9


OPENED = """
import json, sys
from pathlib import Path
from exporters.workloads.processes import Processes, declare
run_dir, pid = Path(sys.argv[1]), int(sys.argv[2])
declare(run_dir, "chat", pid)
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
Processes(run_dir).read_ns()
print("\\n".join(path for path in opened if path.startswith("/proc")))
"""


def test_nothing_but_times_and_children_is_opened(run_dir: Path, burner: Burner) -> None:
    """No command line, environment or user: Python's own audit names every file opened."""
    command = [sys.executable, "-c", OPENED, str(run_dir), str(burner.pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    opened = set(answer.stdout.split())
    pid = burner.pid
    assert opened == {f"/proc/{pid}/stat", f"/proc/{pid}/task/{pid}/children"}


def test_a_process_in_a_group_of_a_sia_is_counted_there_alone(
    run_dir: Path, burner: Burner
) -> None:
    """Declared, and in a group that a rule names: its time is in the group's, and not here again;
    the declaration goes when the process does."""
    declare(run_dir, "chat", burner.pid)
    processes = Processes(run_dir, PROC, lambda pid: pid == burner.pid)
    assert processes.read_ns() == {}
    assert processes.sia_of(burner.pid) == "chat"
    burner.end()
    assert processes.read_ns() == {}
    assert list((run_dir / FOLDER).iterdir()) == []


def test_a_child_in_a_group_of_another_sia_is_counted_there_alone(run_dir: Path) -> None:
    """It was started by a declared process and moved into the other's group: from the next time
    it is asked, its time and its children's are not the first's any more."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", FAMILY, BURN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdin
        assert parent.stdout
        declare(run_dir, "chat", parent.pid)
        parent.stdout.readline()
        moved: set[int] = set()
        processes = Processes(run_dir, PROC, lambda pid: pid in moved)
        whole = processes.read_ns()["chat"]
        moved.update(
            int(pid)
            for pid in (PROC / f"{parent.pid}/task/{parent.pid}/children").read_text().split()
        )
        apart = Processes(run_dir, PROC, lambda pid: pid in moved)
        assert apart.read_ns()["chat"] <= whole - 0.15e9 + 2 * TICK_NS
        for _ in range(ASK_AGAIN + 2):
            kept = processes.read_ns()["chat"]
        assert kept == whole, "what was counted stays: a SIA never falls"
        parent.communicate(b"\n")
