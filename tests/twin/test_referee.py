"""The referee finds what is wrong: a meter that loses, doubles or hides energy does not balance."""

import random
from array import array
from datetime import timedelta

import pytest

from exporters.twin.plan import Plan
from exporters.twin.referee import Balance, balances, proportion
from exporters.twin.run import UNREADABLE, Log, Run
from exporters.twin.truth import Truth
from footprint.interval import to_us
from footprint.ledger import GapRecord, Page
from footprint.reading import Cause
from tests.pages import START, make_page

CARD = "GPU-1"
PLAN = Plan(gpus=0, sockets=1, systems=1)


def gap(start_s: int, end_s: int, cause: Cause = "absent") -> GapRecord:
    """A gap of the card, in seconds from the page's start."""
    return GapRecord(
        kind="gap",
        component="gpu",
        device=CARD,
        start=START + timedelta(seconds=start_s),
        end=START + timedelta(seconds=end_s),
        cause=cause,
    )


def page(metered_uj: int, *gaps: GapRecord) -> Page:
    """Ten seconds of one card."""
    consumers = {"chat": metered_uj}
    return make_page(seconds=10, consumers=consumers, component="gpu", device=CARD, gaps=gaps)


def judged(shown_uj: list[int], *pages: Page, lives: dict[int, int] | None = None) -> Balance:
    """What the referee says of a counter read once a second from the page's start."""
    life = array("b", [(lives or {}).get(tick, 0) for tick in range(len(shown_uj))])
    good = [uj for uj in shown_uj if uj != UNREADABLE]
    (balance,) = balances(
        Run(
            plan=PLAN,
            source="",
            at_us=array("q", [to_us(START) + tick * 1_000_000 for tick in range(len(shown_uj))]),
            logs=[Log(CARD, array("q", shown_uj), life)],
            true_first_uj=[good[0]],
            true_last_uj=[max(good[-1], 110)],
            truth=Truth(PLAN, [(1.0, 10, 10)], random.Random(1)),
            pages=list(pages),
            tick_ns=array("q"),
            rss_kib=(0, 0),
            seconds=0,
        )
    )
    return balance


STEADY = [10 * second for second in range(11)]
AWAY = [*STEADY[:3], *[UNREADABLE] * 4, *STEADY[7:]]
GONE = [*STEADY[:3], *[UNREADABLE] * 8]


def test_all_that_a_counter_moved_balances() -> None:
    """A hundred microjoules in ten seconds, measured as a hundred."""
    assert judged(STEADY, page(100)).balances


@pytest.mark.parametrize("metered_uj", [0, 99, 101, 200])
def test_a_microjoule_lost_or_made_does_not_balance(metered_uj: int) -> None:
    """The difference is shown with its sign."""
    balance = judged(STEADY, page(metered_uj))
    assert not balance.balances
    assert balance.difference_uj == metered_uj - 100


def test_a_gap_where_the_counter_could_be_read_does_not_balance() -> None:
    """Time must not be declared unknown for nothing, even where the energy is right."""
    balance = judged(STEADY, page(100, gap(3, 4)))
    assert not balance.balances
    assert balance.stray_gap_us == 1_000_000


def test_time_without_readings_is_measured_where_no_gap_is_declared() -> None:
    """The counter went on from second 2 to 7: without a gap all of its 50 uJ are to be there."""
    assert judged(AWAY, page(100)).balances
    assert judged(AWAY, page(50)).difference_uj == -50


def test_a_declared_part_takes_its_share_of_the_time() -> None:
    """Three of the five seconds are a gap: 30 of the 50 uJ are in it, 20 are measured."""
    balance = judged(AWAY, page(70, gap(2, 5)))
    assert balance.balances
    assert (balance.in_gaps_uj, balance.gap_us) == (30, 3_000_000)
    assert not judged(AWAY, page(71, gap(2, 5))).balances


def test_a_counter_that_began_anew_is_a_gap_as_a_whole() -> None:
    """What it counted meanwhile is unknown; saying so balances, saying less does not."""
    anew = dict.fromkeys(range(7, 11), 1)
    assert judged(AWAY, page(50, gap(2, 7, "reset")), lives=anew).balances
    assert not judged(AWAY, page(50, gap(2, 6, "reset")), lives=anew).balances
    assert not judged(AWAY, page(100, gap(2, 7, "reset")), lives=anew).balances


def test_a_counter_that_is_gone_is_a_gap_to_the_end() -> None:
    """Its true energy until the end is in the gap; a page that keeps silent does not balance."""
    assert judged(GONE, page(20, gap(2, 10))).balances
    assert not judged(GONE, page(20)).balances
    assert not judged(GONE, page(20, gap(2, 9))).balances


def test_proportions_add_up_and_the_largest_remainder_is_rounded_up() -> None:
    """7 over 1 and 2 is 2 1/3 and 4 2/3: the second is rounded up; equal ones in order."""
    assert proportion([1, 2], 7) == [2, 5]
    assert proportion([1, 1], 7) == [4, 3]
    assert proportion([3], 7) == [7]
