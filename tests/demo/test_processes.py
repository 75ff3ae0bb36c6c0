"""Children of the demonstration: told of when they fail, ended with it."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demo import processes
from demo.processes import Child, DemoError

ROOT = Path(__file__).parents[2]
SLEEPER = [sys.executable, "-c", "import time; print('here'); time.sleep(60)"]


def test_a_child_that_ends_is_told_of_with_its_last_lines(tmp_path: Path) -> None:
    """What it printed and what it complained of."""
    program = "import sys; print('one'); sys.exit('port in use')"
    child = Child("service", [sys.executable, "-c", program], tmp_path / "service.log")
    child.wait(30)
    with pytest.raises(DemoError, match=r"service ended by itself with code 1.*\n.*one\n.*in use"):
        child.check()


def test_what_never_happens_is_told_of(tmp_path: Path) -> None:
    """With the last lines of those it waited for."""
    child = Child("agent", SLEEPER, tmp_path / "agent.log")
    processes.wait_until("its line", lambda: child.lines() == ["here"], [child], 30)
    with pytest.raises(DemoError, match=r"the first tick did not happen(.|\n)*here"):
        processes.wait_until("the first tick", lambda: False, [child], 0)
    assert child.stop() == -signal.SIGTERM


def test_a_command_that_fails_says_why() -> None:
    """Its own words, not a traceback of ours."""
    with pytest.raises(DemoError, match=r"import failed with code 1:\n    line 3: typo"):
        processes.run("import", [sys.executable, "-c", "import sys; sys.exit('line 3: typo')"])


def test_a_program_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """With its path; for children and for commands."""
    missing = tmp_path / "footprint"
    with pytest.raises(DemoError, match=f"service cannot be started: No such file.*{missing}"):
        Child("service", [missing], tmp_path / "service.log")
    with pytest.raises(DemoError, match=f"fsck cannot be started: No such file.*{missing}"):
        processes.run("fsck", [missing])


def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """SIGKILL leaves the parent no time: the kernel sends the signal."""
    parent = (
        "import sys, pathlib, signal, os; from demo.processes import Child\n"
        f"child = Child('c', {SLEEPER!r}, pathlib.Path(sys.argv[1]))\n"
        "print(child.pid, flush=True); signal.pause()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", parent, str(tmp_path / "c.log")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    with process, os.fdopen(os.pidfd_open(int(process.stdout.readline())), "rb") as child:
        process.kill()
        # Readable once the child has ended; the test's own limit is the only clock here.
        readable = select.select([child], [], [], 60)[0]
    assert readable == [child]
