"""The fuzzing room works: its inputs hold, and it finds a defect that was put there to be found."""

import importlib.util
import os
from pathlib import Path

import pytest

from tests.fuzz.drive import fuzz
from tests.fuzz.mutate import changed
from tests.fuzz.target import FOUND
from tests.fuzz.targets import ALL, PLANTED, every

TARGETS = every()

SECONDS = 10


@pytest.mark.parametrize("name", TARGETS)
def test_real_inputs_and_those_found_before_end_as_documented(name: str) -> None:
    """Each seed, cut at some places, and changed as JSON; each input that once crashed a target."""
    target = TARGETS[name]
    for seed in target.inputs():
        target.read(seed)
        for end in range(0, len(seed), 1 + len(seed) // 20):
            target.read(seed[:end])
        for number in range(20 if target.json else 0):
            other = changed(seed, number)
            if other is not None:
                target.read(other)


def test_every_input_that_was_found_has_its_target() -> None:
    """A folder of another name would be run by nobody."""
    assert {path.name for path in FOUND.iterdir()} <= TARGETS.keys()


def test_nothing_crashes_for_some_seconds(tmp_path: Path) -> None:
    """The room stays alive: all targets run under atheris, and it finds its way further in."""
    require_atheris()
    found = fuzz(ALL.name, tmp_path, SECONDS)
    assert found.crash is None, found.crash
    assert found.executions > sum(len(target.inputs()) for target in TARGETS.values())
    assert found.edges > found.first_edges


def test_a_planted_defect_is_found(tmp_path: Path) -> None:
    """From a seed that does not have it, with the input that shows it."""
    require_atheris()
    found = fuzz(PLANTED.name, tmp_path, 60)
    assert found.crash is not None
    data, words = found.crash
    assert b'"clock_offset_us":-' in data
    assert "AssertionError" in words


def require_atheris() -> None:
    """Skips where it has no wheel; in CI it has one."""
    if importlib.util.find_spec("atheris") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("atheris is not installed", pytrace=False)
        pytest.skip("needs a machine where atheris has a wheel: Linux on x86-64")
