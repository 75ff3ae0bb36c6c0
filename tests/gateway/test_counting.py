"""What was asked between two looks, whatever happens to the counters."""

import random

from exporters.gateway.counting import Counting
from exporters.gateway.dialects import Scrape, Series

CHAT = Series("generated", "m", (("team_alias", "chat"),))
TRI = Series("generated", "m", (("team_alias", "tri"),))


def scrape(started: float | None = None, **totals: int) -> Scrape:
    """Counters of `chat` and `tri`."""
    named = {"chat": CHAT, "tri": TRI}
    return Scrape({named[name]: total for name, total in totals.items()}, started)


def test_the_first_look_is_the_beginning() -> None:
    """Since when it counts, nobody knows."""
    counting = Counting()
    assert counting.take(scrape(chat=500)).counts == {}
    assert counting.take(scrape(chat=520)).counts == {CHAT: 20}


def test_a_counter_that_comes_later_counts_from_zero() -> None:
    """The key's first request was after our last look."""
    counting = Counting(scrape(chat=500))
    assert counting.take(scrape(chat=500, tri=7)).counts == {TRI: 7}


def test_a_restart_loses_only_what_the_counters_do_not_hold_any_more() -> None:
    """Told by its start, also where a counter has passed its old value again; or by a fall."""
    told = Counting(scrape(1000.0, chat=500, tri=10)).take(scrape(1600.0, chat=520, tri=1))
    assert (told.counts, told.restarted) == ({CHAT: 520, TRI: 1}, True)
    seen = Counting(scrape(chat=500, tri=10)).take(scrape(chat=20, tri=12))
    assert (seen.counts, seen.restarted) == ({CHAT: 20, TRI: 2}, True)
    same = Counting(scrape(1000.01, chat=500)).take(scrape(1000.0, chat=500))
    assert (same.counts, same.restarted) == ({}, False)


def test_an_outage_loses_nothing() -> None:
    """The gateway was not reached for an hour: its counters went on."""
    counting = Counting(scrape(1000.0, chat=500))
    moved = counting.take(scrape(1000.0, chat=5_500))
    assert (moved.counts, moved.restarted) == ({CHAT: 5_000}, False)


def test_a_counter_that_vanishes_and_comes_back_counts_from_zero() -> None:
    """Gateways forget who was not seen for long; the others' counters are not touched by it."""
    counting = Counting(scrape(1.0, chat=500, tri=10))
    assert counting.take(scrape(1.0, tri=11)).counts == {TRI: 1}
    assert counting.take(scrape(1.0, tri=11, chat=3)).counts == {CHAT: 3}


def test_whatever_is_looked_at_how_often_the_sum_is_the_same() -> None:
    """Random looks at a counter that never falls: all increments, each once."""
    chance = random.Random(1)
    total, first = 1000, True
    counting, seen = Counting(), 0
    for _ in range(500):
        total += chance.randrange(50)
        if chance.random() < 0.3:
            seen += sum(counting.take(scrape(1.0, chat=total)).counts.values())
            if first:
                began, first = total, False
            looked = total
    assert seen == looked - began
