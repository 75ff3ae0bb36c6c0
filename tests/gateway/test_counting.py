"""What was asked between two looks, whatever happens to the counters."""

import random

from exporters.gateway.counting import Counting, digest
from exporters.gateway.dialects import Scrape, Series

CHAT = Series("generated", "m", (("team_alias", "chat"),))
TRI = Series("generated", "m", (("team_alias", "tri"),))


KEY = b"k" * 32


def stood(last: Scrape) -> Counting:
    """Counters that were looked at by an earlier process of ours."""
    marks = {digest(series, KEY): total for series, total in last.counts.items()}
    return Counting(KEY, marks, last.started)


def scrape(started: float | None = None, **totals: int) -> Scrape:
    """Counters of `chat` and `tri`."""
    named = {"chat": CHAT, "tri": TRI}
    return Scrape({named[name]: total for name, total in totals.items()}, started)


def test_the_first_look_is_the_beginning() -> None:
    """Since when it counts, nobody knows."""
    counting = Counting(KEY)
    assert counting.take(scrape(chat=500)).counts == {}
    assert counting.take(scrape(chat=520)).counts == {CHAT: 20}


def test_a_counter_that_comes_later_counts_from_zero() -> None:
    """The key's first request was after our last look."""
    counting = stood(scrape(chat=500))
    assert counting.take(scrape(chat=500, tri=7)).counts == {TRI: 7}


def test_a_restart_loses_only_what_the_counters_do_not_hold_any_more() -> None:
    """Told by its start, also where a counter has passed its old value again."""
    told = stood(scrape(1000.0, chat=500, tri=10)).take(scrape(1600.0, chat=520, tri=1))
    assert (told.counts, told.restarted) == ({CHAT: 520, TRI: 1}, True)
    same = stood(scrape(1000.01, chat=500)).take(scrape(1000.0, chat=500))
    assert (same.counts, same.restarted) == ({}, False)


def test_a_fall_that_no_start_explains_counts_nothing() -> None:
    """It may be another process's counter: it goes on from there, and what comes back to where it
    had been is not counted a second time."""
    counting = stood(scrape(chat=500, tri=10))
    fell = counting.take(scrape(chat=20, tri=12))
    assert (fell.counts, fell.restarted) == ({}, True)
    assert counting.take(scrape(chat=25, tri=15)).counts == {CHAT: 5, TRI: 3}
    assert counting.take(scrape(chat=507, tri=15)).counts == {CHAT: 7}
    assert counting.take(scrape(chat=510, tri=15)).counts == {CHAT: 3}


def test_a_fall_under_the_same_start_counts_nothing() -> None:
    """The process is the same: its counter was told wrong once."""
    counting = stood(scrape(1.0, chat=1000, tri=1))
    fell = counting.take(scrape(1.0, chat=999, tri=2))
    assert (fell.counts, fell.restarted) == ({TRI: 1}, True)
    assert counting.take(scrape(1.0, chat=1000, tri=2)).counts == {}
    assert counting.take(scrape(1.0, chat=1004, tri=2)).counts == {CHAT: 4}


def test_replicas_behind_one_address_that_tell_no_start_invent_nothing() -> None:
    """Two that nobody asks, answering in turn: nothing is counted, also by another process of ours
    that goes on from what was kept; what they do meanwhile may be missing."""
    counting, kept = Counting(KEY), {}
    for turn in range(40):
        if turn == 20:
            counting = Counting(KEY, dict(kept))
        chat, tri = (100_000, 7) if turn % 2 else (40_000, 9_000)
        moved = counting.take(scrape(chat=chat, tri=tri))
        assert moved.counts == {}
        kept = moved.marks if moved.anew else kept | moved.marks
    assert counting.take(scrape(chat=100_003, tri=7)).counts == {CHAT: 3}
    assert counting.take(scrape(chat=100_005, tri=8)).counts == {CHAT: 2, TRI: 1}


def test_an_outage_loses_nothing() -> None:
    """The gateway was not reached for an hour: its counters went on."""
    counting = stood(scrape(1000.0, chat=500))
    moved = counting.take(scrape(1000.0, chat=5_500))
    assert (moved.counts, moved.restarted) == ({CHAT: 5_000}, False)


def test_a_counter_that_vanishes_and_comes_back_counts_from_zero() -> None:
    """Gateways forget who was not seen for long; the others' counters are not touched by it."""
    counting = stood(scrape(1.0, chat=500, tri=10))
    assert counting.take(scrape(1.0, tri=11)).counts == {TRI: 1}
    assert counting.take(scrape(1.0, tri=11, chat=3)).counts == {CHAT: 3}


def test_whatever_is_looked_at_how_often_the_sum_is_the_same() -> None:
    """Random looks at a counter that never falls: all increments, each once."""
    chance = random.Random(1)
    total, first = 1000, True
    counting, seen = Counting(KEY), 0
    for _ in range(500):
        total += chance.randrange(50)
        if chance.random() < 0.3:
            seen += sum(counting.take(scrape(1.0, chat=total)).counts.values())
            if first:
                began, first = total, False
            looked = total
    assert seen == looked - began


def test_an_answer_that_was_cut_short_counts_nothing_twice() -> None:
    """A series that is missing once goes on from where it was."""
    counting = stood(scrape(1.0, chat=500, tri=10))
    counting.take(scrape(1.0, tri=11))
    assert counting.take(scrape(1.0, chat=510, tri=11)).counts == {CHAT: 10}


def test_workers_behind_one_address_are_never_counted_from_zero() -> None:
    """Each answer may come from another process that ran all the time: what it counted before may
    have been seen, and is left to the server's own totals."""
    counting = stood(scrape(1000.0, chat=500))
    other = counting.take(scrape(1010.0, chat=9000), looked=5000.0)
    assert (other.counts, other.restarted) == ({}, True)
    back = counting.take(scrape(1000.0, chat=501), looked=5015.0)
    assert (back.counts, back.restarted) == ({}, True)
    successor = counting.take(scrape(5020.0, chat=3), looked=5030.0)
    assert (successor.counts, successor.restarted) == ({CHAT: 3}, True)


def test_what_is_to_be_kept_of_a_look_is_what_changed_and_names_nobody() -> None:
    """Digests of series with their totals: enough to go on, and nothing to read."""
    counting = Counting(KEY)
    first = counting.take(scrape(1.0, chat=500, tri=10))
    assert (first.anew, len(first.marks)) == (True, 2)
    moved = counting.take(scrape(1.0, chat=520, tri=10))
    assert (moved.anew, moved.marks) == (False, {digest(CHAT, KEY): 520})
    assert digest(CHAT, KEY) != digest(CHAT, b"o" * 32)
    kept = first.marks | moved.marks
    assert Counting(KEY, kept, 1.0).take(scrape(1.0, chat=525, tri=10)).counts == {CHAT: 5}
