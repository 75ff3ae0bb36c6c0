"""The list of skipped tests is held against what really skips."""

import os
import subprocess
import sys
from pathlib import Path

from tests.tools import require_tool

ROOT = Path(__file__).parents[2]
EXAMPLE = """
import pytest
from tests.tools import CAPABILITY_REASON, require_tool

def test_runs(): pass
def test_needs_a_tool(): require_tool("no-such-program")
def test_needs_a_machine(): pytest.skip(CAPABILITY_REASON + "pigs fly")
@pytest.mark.xfail(strict=True)
def test_is_known_to_fail(): assert False
"""
TOOL = "test_example.py::test_needs_a_tool\n"
MACHINE = "test_example.py::test_needs_a_machine\n"


def run(folder: Path, *options: str, ci: str = "") -> subprocess.CompletedProcess[str]:
    """The example suite in `folder`, in a pytest of its own, with our conftest."""
    (folder / "test_example.py").write_text(EXAMPLE)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "--rootdir=.", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CI": ci, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_written_list_is_the_right_one(tmp_path: Path) -> None:
    """It names what lacks a program, not what lacks a capability of the machine, and passes."""
    assert run(tmp_path, "--write-skips", "skips.txt").returncode == 0
    assert (tmp_path / "skips.txt").read_text() == TOOL
    assert run(tmp_path, "--expect-skips", "skips.txt").returncode == 0


def test_a_test_that_lacks_the_machine_may_be_listed(tmp_path: Path) -> None:
    """A list made on a machine with fewer capabilities is right on this one too."""
    (tmp_path / "skips.txt").write_text(TOOL + MACHINE)
    assert run(tmp_path, "--expect-skips", "skips.txt").returncode == 0


def test_what_is_left_out_has_not_to_skip(tmp_path: Path) -> None:
    """A part of the tests can be held against the whole list."""
    (tmp_path / "skips.txt").write_text(TOOL)
    assert run(tmp_path, "--expect-skips", "skips.txt", "-k", "runs").returncode == 0


def test_a_wrong_list_fails_and_says_how(tmp_path: Path) -> None:
    """A skip that nobody listed, or a line that skips no more, fails a run that else passes."""
    (tmp_path / "skips.txt").write_text("test_example.py::test_runs\ntest_gone.py::test_gone\n")
    result = run(tmp_path, "--expect-skips", "skips.txt")
    assert result.returncode == 1
    assert "skipped but not listed: test_example.py::test_needs_a_tool" in result.stdout
    assert "listed but not skipped: test_example.py::test_runs" in result.stdout
    assert "listed but not skipped: test_gone.py::test_gone" in result.stdout


def test_a_missing_program_fails_in_ci(tmp_path: Path) -> None:
    """CI installs every program, so there a skip for want of one is a failure."""
    result = run(tmp_path, ci="true")
    assert result.returncode == 1
    assert ".ci/run has to install it" in result.stdout


def test_a_program_that_is_there_is_found() -> None:
    """require_tool gives the path, to be run without a search."""
    assert Path(require_tool("sh")).name == "sh"
