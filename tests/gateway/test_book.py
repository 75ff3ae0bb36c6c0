"""Drafts of usage: they follow each other without a hole, and stay within what a page may hold."""

from pathlib import Path

import pytest

from exporters.gateway.book import MOST_GAPS, Book, Draft
from exporters.gateway.tally import Tally
from tests.gateway.house import (
    QUARTER_US,
    SECOND_US,
    START_US,
    bench,
    litellm,
    serving,
    settings,
    tokens,
)

PLACE = ("albert", "mistral", "chat")


def test_gaps_of_one_cause_that_touch_are_one() -> None:
    """Of whichever endpoints; and the parts outside of the draft are not its."""
    draft = Draft(100, 200)
    assert draft.gap("unreachable", 50, 120)
    assert draft.gap("unreachable", 120, 150)
    assert not draft.gap("unreachable", 110, 140)
    assert not draft.gap("unreachable", 200, 300)
    assert draft.gap("restarted", 130, 500)
    assert draft.gaps == [("restarted", 130, 200), ("unreachable", 100, 150)]


def test_more_gaps_than_a_page_holds_are_told_as_one() -> None:
    """From the first to the last of each cause: rather too much than none."""
    draft = Draft(0, 10_000)
    for number in range(MOST_GAPS + 1):
        draft.gap("unreachable", 10 * number, 10 * number + 5)
    assert draft.gaps == [("unreachable", 0, 10 * MOST_GAPS + 5)]


def test_drafts_follow_each_other_without_a_hole() -> None:
    """From any instant: up to the quarter-hour, then whole ones, then to the next end of a page."""
    book = Book(60, START_US + 7)
    book.add("e", {PLACE: Tally(1, 1_000_000)}, START_US + 7, START_US + 2 * QUARTER_US + SECOND_US)
    bounds = [(draft.start_us - START_US, draft.end_us - START_US) for draft in book.changed()]
    assert bounds == [
        (7, QUARTER_US),
        (QUARTER_US, 2 * QUARTER_US),
        (2 * QUARTER_US, 2 * QUARTER_US + 60 * SECOND_US),
    ]
    assert sum(draft.lines["e albert mistral chat"].prompt for draft in book.changed()) == 1_000_000


@pytest.mark.slow
def test_a_reader_away_for_forty_days_tells_of_the_last_thirty_five(tmp_path: Path) -> None:
    """What the counters hold is spread over as much time as can still be told, all of it."""
    day_us = 96 * QUARTER_US
    with serving() as gateway, bench(settings(tmp_path, gateway.url)) as run:
        gateway.text = litellm({"Accueil": (0, 0, 0)})
        run.look(0)
        gateway.text = litellm({"Accueil": (9, 96_000_007, 35)})
        run.look(40 * day_us)
    pages = run.newest()
    assert len(pages) == 35 * 96 + 1
    assert sum(page.gaps != [] for page in pages) >= 35 * 96
    assert tokens(pages)["accueil"][0] == 96_000_007
