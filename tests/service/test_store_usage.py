"""Usage as known at an instant: the page known last of each gateway and interval, and no other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from footprint import usage
from footprint.interval import Interval, to_us
from footprint.service import store_usage
from footprint.service.store import open_store
from footprint.service.store_chains import PageRow, dated
from footprint.service.store_facts import Window
from footprint.usage import UsagePage
from tests.pages import START, Sealed, chain
from tests.usage_pages import line, make_ledger, make_page

DAY = Interval(START - timedelta(hours=9), START + timedelta(hours=15))
KNOWN_US = to_us(datetime(2026, 11, 11, tzinfo=UTC))


@pytest.fixture
def store(tmp_path: Path):
    opened = open_store(tmp_path / "f.db", create=True, migrate=True, now=START)
    yield opened
    opened.close()


def keep(connection, pages: list[Sealed[UsagePage]], known_us: int, reason: str = "") -> None:
    """Store pages as they are stored when they come."""
    for sealed in pages:
        page = sealed.page
        row = PageRow(
            host_id=page.host_id,
            ledger_id=page.ledger_id,
            seq=page.seq,
            hash=sealed.hash,
            interval_us=(to_us(page.start), to_us(page.end)),
            known_from_us=known_us,
            reason=reason,
            body=sealed.body,
        )
        store_usage.CHAINS.insert_pages(connection, [row])
    if not reason:
        store_usage.CHAINS.insert_content(connection, [dated(sealed.page) for sealed in pages])


def test_what_a_gateway_told_comes_back_as_it_was(store) -> None:
    """Lines, totals, gaps and intervals, with where they are from; nothing of them is summed."""
    total = line("@unattributed", 5000, 400, requests=None)
    gap = usage.Gap(start=START, end=START + timedelta(seconds=9), cause="unreachable")
    first = make_page(totals=[total], gaps=[gap])
    second = make_page(start=START + timedelta(minutes=15), lines=[])
    with store.write() as connection:
        keep(connection, list(chain([first, second])), KNOWN_US)
        window = Window(DAY, KNOWN_US)
        at = ("gateway-1", "litellm", first.start, first.end)
        assert store_usage.lines(connection, window) == [(*at, one) for one in first.lines]
        assert store_usage.totals(connection, window) == [(*at, total)]
        assert store_usage.gaps(connection, window) == [(*at, gap)]
        assert store_usage.told(connection, window) == [
            at,
            ("gateway-1", "litellm", second.start, second.end),
        ]


def test_a_later_page_of_the_same_interval_replaces_the_earlier_one(store) -> None:
    """From the instant it is known on; before, the earlier one is what was known."""
    first = make_page(tokens={"chat-demo": (1, 1), "tri-courrier": (2, 2)})
    again = make_page(tokens={"chat-demo": (7, 7)})
    with store.write() as connection:
        pages = list(chain([first, again]))
        keep(connection, pages[:1], KNOWN_US)
        keep(connection, pages[1:], KNOWN_US + 1)
        before = store_usage.lines(connection, Window(DAY, KNOWN_US))
        after = store_usage.lines(connection, Window(DAY, KNOWN_US + 1))
        assert [told.line for told in before] == first.lines
        assert [told.line for told in after] == again.lines
        assert store_usage.lines(connection, Window(DAY, KNOWN_US - 1)) == []
        assert len(store_usage.told(connection, Window(DAY, KNOWN_US + 1))) == 1


def test_gateways_add_up_and_quarantined_pages_count_for_nothing(store) -> None:
    """Two gateways about one server in one interval are two sets of lines."""
    with store.write() as connection:
        keep(connection, make_ledger(1), KNOWN_US)
        keep(connection, make_ledger(1, host_id="gateway-2"), KNOWN_US)
        keep(connection, make_ledger(1, host_id="gateway-3"), KNOWN_US, "overlap: x")
        told = store_usage.lines(connection, Window(DAY, KNOWN_US))
        assert [one.host_id for one in told] == ["gateway-1"] * 2 + ["gateway-2"] * 2


def test_an_interval_belongs_to_the_window_in_which_it_begins(store) -> None:
    """So that windows beside each other count it once."""
    with store.write() as connection:
        keep(connection, make_ledger(2), KNOWN_US)
        middle = START + timedelta(minutes=15)
        parts = [Interval(START, middle), Interval(middle, DAY.end)]
        counts = [len(store_usage.lines(connection, Window(part, KNOWN_US))) for part in parts]
        assert counts == [2, 2]
