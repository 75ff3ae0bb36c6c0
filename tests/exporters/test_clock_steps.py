"""Wall clocks that step, and hosts that sleep: no time is told twice, and what is told is right."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporters import push
from footprint.ledger import Page, decode, hash_bytes
from tests.exporters.simulated import START_NS, Host, S, gap_seconds, host, uj
from tests.exporters.web import Web, serving
from tests.running import wait_until

HOUR, DAY = 3600, 86_400
WIDE_UJ = 10**15
"""A counter that does not wrap within days."""


@pytest.fixture
def web() -> Iterator[Web]:
    """A service whose clock is right."""
    with serving() as found:
        yield found


def right_time(found: Host, ahead_s: float) -> float:
    """What the time truly is where the host's wall clock is ahead by so much."""
    return found.wall_ns / S - ahead_s


def counted(web: Web) -> list[Page]:
    """The pages that count at the service, by their time; none covers another's."""
    pages = [decode(body) for body in web.bodies if hash_bytes(body) not in web.kept_out]
    pages.sort(key=lambda page: page.start)
    assert all(one.end <= two.start for one, two in itertools.pairwise(pages))
    return pages


def sent(found: Host) -> None:
    """Have everything sent, and the clocks compared while none of them moves: what the pusher heard
    before, it may have heard between two ticks."""
    pusher = found.keeper._pusher
    pusher.wake()
    wait_until(lambda: found.keeper.spool.counts().waiting == 0, "the pages to be sent")
    service = push.Service(found.service, None)
    service.dated = found.keeper._time.dated
    service.head("host-1", "0" * 8)
    service.close()


@pytest.mark.parametrize("step_s", [HOUR, -HOUR, DAY, -DAY])
def test_a_wall_clock_that_steps_and_steps_back_moves_no_page(tmp_path: Path, step_s: int) -> None:
    """Without anybody who says that it is right, a step is told in the pages and not followed."""
    with host(tmp_path) as found:
        found.tick(100, seconds=10)
        found.wall_ns += step_s * S
        found.tick(100, seconds=10)
        assert found.agent is not None
        assert abs(found.agent._clock.offset_us() - step_s * 1_000_000) < 1000
        found.wall_ns -= step_s * S
        found.tick(100, seconds=10)
        found.stop()
        pages = found.pages()
    assert all(one.end == two.start for one, two in itertools.pairwise(pages))
    assert pages[0].start.timestamp() == START_NS // S
    assert pages[-1].end.timestamp() == START_NS // S + 3000
    assert (uj(pages), gap_seconds(pages)) == (found.total_uj, {})
    assert any(abs(page.clock_offset_us) > 3_000_000_000 for page in pages)


@pytest.mark.parametrize("behind_s", [HOUR, DAY])
def test_an_agent_begun_behind_the_time_is_set_forward_over_a_gap(
    tmp_path: Path, web: Web, behind_s: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A host that starts before its clock is set: once the wall clock agrees with the service, time
    goes forward; what was never lived through is a gap, and no joule is missing."""
    true_ns = START_NS + behind_s * S
    with host(tmp_path, START_NS, service=web.url) as found:
        ahead = [-behind_s]
        web.now = lambda: right_time(found, ahead[0])
        found.tick(100, seconds=10)
        sent(found)
        assert "behind" in caplog.text
        found.wall_ns += behind_s * S
        ahead[0] = 0
        found.tick(100, seconds=10)
        sent(found)
        found.tick(2, seconds=10)
        found.stop()
        pages = found.pages()
    assert found.wall_ns > true_ns
    assert pages[-1].end.timestamp() * S == found.wall_ns
    assert uj(pages) == found.total_uj
    gaps = gap_seconds(pages)
    assert gaps.keys() == {"clock"}
    assert behind_s - 1 <= gaps["clock"] <= behind_s
    assert all(one.end == two.start for one, two in itertools.pairwise(pages))


@pytest.mark.parametrize("ahead_s", [HOUR, DAY])
def test_an_agent_begun_ahead_of_the_time_goes_on_in_a_ledger_of_the_right_time(
    tmp_path: Path, web: Web, ahead_s: int
) -> None:
    """What the service kept out because it lay in the future is told again, at its time, from the
    counters; what counts there adds up to the meter."""
    with host(tmp_path, START_NS, WIDE_UJ, service=web.url) as found:
        ahead = [0]
        web.now = lambda: right_time(found, ahead[0])
        found.tick(100, seconds=10)
        sent(found)
        found.stop()
        found.wall_ns += ahead_s * S
        ahead[0] = ahead_s
        found.start()
        found.tick(200, seconds=10)
        sent(found)
        assert len(web.kept_out) > 0
        found.wall_ns -= ahead_s * S
        ahead[0] = 0
        found.tick(100, seconds=10)
        sent(found)
        wait_until(lambda: _ticked(found), "the ledger to be followed")
        found.tick(100, seconds=10)
        sent(found)
        assert found.keeper.shown().ledgers["clock"] == 1
        found.stop()
        pages = counted(web)
    assert pages[-1].end.timestamp() * S == found.wall_ns
    assert uj(pages) == found.total_uj
    assert gap_seconds(pages) == {}


def _ticked(found: Host) -> bool:
    found.tick(1, seconds=10)
    return bool(found.keeper.shown().ledgers["clock"] == 1)


def test_a_host_that_slept_books_its_sleep_once(tmp_path: Path) -> None:
    """The boot's clock counts through suspend, and so does the counter: three hours are spread over
    their quarter-hours, without a page that overlaps or a hole."""
    with host(tmp_path) as found:
        found.tick(100, seconds=10)
        found.tick(1, seconds=3 * HOUR)
        found.tick(100, seconds=10)
        found.stop()
        pages = found.pages()
    assert all(one.end == two.start for one, two in itertools.pairwise(pages))
    # 3 h at twice the limit of 100 W is more than the counter's range: nobody knows.
    assert gap_seconds(pages) == {"wrap": 3 * HOUR}
    assert uj(pages) == 50 * 1_000_000 * 2000


def test_a_short_sleep_is_known(tmp_path: Path) -> None:
    """Twenty minutes cannot hide a wrap."""
    with host(tmp_path) as found:
        found.tick(100, seconds=10)
        found.tick(1, seconds=1200)
        found.tick(100, seconds=10)
        found.stop()
        pages = found.pages()
    assert (uj(pages), gap_seconds(pages)) == (found.total_uj, {})
