"""Engines that answer a byte now and then, without end: what they hold up, which is nothing."""

import contextlib
import time
from pathlib import Path

import pytest

from exporters.settings import Settings
from exporters.workloads import compose, listings
from exporters.workloads.labels import LABEL, Known, Labels, Unknown
from exporters.workloads.listings import Listing
from exporters.workloads.units import Unit
from tests.exporters.engine_server import container, dripping, engine

UNITS = [Unit("container", character * 64, "docker") for character in "abcdef"]
WANTED = frozenset([LABEL])


def listing(path: Path, wait_seconds: float, timeout_seconds: float) -> Listing:
    """An engine's list."""
    return listings.engine(str(path), WANTED, wait_seconds, timeout_seconds)


@pytest.mark.parametrize("drop", [b"x", b"\r\n\r\n[", b"\r\nX: y"], ids=["line", "body", "heads"])
def test_an_answer_without_end_is_a_failed_source(tmp_path: Path, drop: bytes) -> None:
    """A byte now and then in a line, in the body, in ever more headers: one deadline for all."""
    with dripping(tmp_path / "sock", drop):
        labels = Labels([listing(tmp_path / "sock", 60, 0.3)])
        asked = labels.of(UNITS[0])
        labels.close()
    why = "GET /containers/json was not answered in whole within 0.3 s"
    assert (asked.known, asked.why) == (None, [f"the engine at {tmp_path}/sock: {why}"])


def test_slow_engines_do_not_hide_one_that_answers(tmp_path: Path) -> None:
    """Three that never end are asked before it: they are asked at the same time."""
    with contextlib.ExitStack() as stack:
        for name in "123":
            stack.enter_context(dripping(tmp_path / name))
        listed = [container(UNITS[0].id, {LABEL: "chat"})]
        stack.enter_context(engine(tmp_path / "4", lambda *_: (200, listed)))
        labels = Labels([listing(tmp_path / name, 60, 0.3) for name in "1234"])
        known = labels.of(UNITS[0]).known
        labels.close()
    assert known == Known({LABEL: "chat"}, f"the engine at {tmp_path}/4")


def test_many_slow_engines_are_waited_for_no_longer_than_one(tmp_path: Path) -> None:
    """A hundred, for 1 s each, for six containers at three looks: in all 1 s, and a stop that waits
    for none; a wait for each in turn would be minutes."""
    with dripping(tmp_path / "sock"):
        labels = Labels([listing(tmp_path / "sock", 1, 60) for _ in range(100)])
        began = time.monotonic()
        for unit in 3 * UNITS:
            assert labels.of(unit).known is None
        labels.close()
        assert time.monotonic() - began < 30


def test_who_was_late_is_not_waited_for_until_it_answers(tmp_path: Path) -> None:
    """It is said at once that it owes an answer; what it lists then is known at a later look."""
    release = tmp_path / "release"

    def reply(*_: str) -> tuple[int, list[object]]:
        while not release.exists():
            time.sleep(0.02)
        return 200, [container(UNITS[0].id, {LABEL: "chat"})]

    with engine(tmp_path / "sock", reply):
        source = listing(tmp_path / "sock", 0.2, 60)
        assert source.ask(UNITS[0]) == Unknown("has not answered yet")
        assert not source.wait(0)
        assert not source.wait(0)
        release.touch()
        while not isinstance(source.ask(UNITS[0]), Known):
            time.sleep(0.02)
        source.close()


def test_an_answer_that_is_too_long_is_a_failed_source(tmp_path: Path) -> None:
    """More than any list of containers: not kept, and said."""
    text = "x" * listings.MOST_BYTES
    with engine(tmp_path / "sock", lambda *_: (200, [container(UNITS[0].id, {"note": text})])):
        labels = Labels([listing(tmp_path / "sock", 60, 60)])
        (why,) = labels.of(UNITS[0]).why
        labels.close()
    assert why.endswith(f"was answered with more than {listings.MOST_BYTES} bytes")


def test_the_settings_sockets_share_one_wait(tmp_path: Path) -> None:
    """As the agent wires them: a hundred sockets hold up a look no longer than one."""
    with dripping(tmp_path / "sock"):
        sockets = [str(tmp_path / "sock")] * 100
        settings = Settings(
            docker_root=str(tmp_path),
            podman_root=str(tmp_path),
            declared_dir=str(tmp_path),
            engine_sockets=sockets,
        )
        rules = compose.rules(settings, 1)
        began = time.monotonic()
        assert rules.sia_of(f"/system.slice/docker-{UNITS[0].id}.scope") is None
        rules.labels.close()
        assert time.monotonic() - began < 30
