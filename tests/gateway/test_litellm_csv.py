"""LiteLLM's daily export: a team's day is counted once, and what is odd is said."""

import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.gateway.litellm_csv import ExportError, TeamDay, read

HEADER = "Date,Team,Team ID,Model,Spend ($),Requests,Successful,Failed,Total Tokens\n"


def row(team: str, model: str, requests: int, tokens: int, *, day: str = "2026-11-02") -> str:
    """One line."""
    return f"{day},{team},id-{team},{model},0.00,{requests},{requests},0,{tokens}\n"


def test_totals_repeated_on_each_model_are_counted_once() -> None:
    """Three models, one day: 1,200 tokens and not 3,600."""
    text = HEADER + "".join(row("Accueil", model, 40, 1_200) for model in ("a", "b", "c"))
    export = read(text)
    assert export.days == [
        TeamDay(date(2026, 11, 2), "Accueil", "id-Accueil", ("a", "b", "c"), 40, 40, 0, 1_200, 2)
    ]
    assert export.remarks == []


def test_models_with_numbers_of_their_own_are_a_day_each() -> None:
    """Another version's export; a person is told, because the two cannot be told apart for sure."""
    export = read(HEADER + row("A", "b", 2, 90) + row("A", "a", 40, 1_200) + row("A", "a", 1, 5))
    assert [(day.models, day.requests, day.total_tokens, day.line) for day in export.days] == [
        (("a",), 41, 1_205, 3),
        (("b",), 2, 90, 2),
    ]
    assert export.remarks == [
        "lines 2, 3, 4: the models of one team and day have numbers of their own; added"
    ]


def test_numbers_of_their_own_that_do_not_add_up_are_told_of_their_line() -> None:
    """Not of the first line of the team."""
    text = HEADER + row("A", "a", 40, 1_200) + "2026-11-02,A,id-A,b,0,7,3,1,90\n"
    assert read(text).remarks[1:] == ["line 3: 3 successful and 1 failed are not 7 requests"]


def test_a_row_twice_is_one_row() -> None:
    """Two exports put one behind the other."""
    once = read(HEADER + row("A", "a", 40, 1_200))
    twice = read(HEADER + row("A", "a", 40, 1_200) * 2)
    assert twice.days == once.days
    assert twice.remarks == ["line 3: the same row as line 2; counted once"]
    mixed = read(HEADER + row("A", "a", 40, 1_200) * 2 + row("A", "b", 2, 90))
    assert [day.total_tokens for day in mixed.days] == [1_200, 90]


def test_nobodys_team_stays_visible_and_probes_are_told() -> None:
    """Requests of 6 or 7 tokens without a team are the gateway's own health checks; a team's small
    requests are not, nor nobody's larger ones."""
    text = HEADER + row("Unassigned", "a", 2_880, 18_720)
    text += row("Unassigned", "a", 10, 900, day="2026-11-03") + row("Tri", "a", 100, 600)
    tri, probes, other = read(text).days
    assert (probes.team, probes.is_health_check) == ("", True)
    assert (tri.team, tri.is_health_check) == ("Tri", False)
    assert (other.team, other.is_health_check) == ("", False)


def test_probes_are_told_model_by_model() -> None:
    """What somebody without a team asked of one model does not make the probes of another count."""
    text = HEADER + row("Unassigned", "m", 288, 1_728) + row("Unassigned", "n", 7, 9_100)
    assert [(day.models, day.is_health_check) for day in read(text).days] == [
        (("m",), True),
        (("n",), False),
    ]


def test_a_row_holds_up_to_a_million_million_tokens() -> None:
    """One more is refused, so that sums stay exact."""
    (day,) = read(HEADER + row("A", "a", 1, 10**12)).days
    assert day.total_tokens == 10**12
    with pytest.raises(ExportError, match=r"line 2: Total Tokens is no whole number up to 10{12}$"):
        read(HEADER + row("A", "a", 1, 10**12 + 1))


def test_columns_may_stand_in_any_order_with_more_beside() -> None:
    """A mark of byte order, quotes, thousands, blank lines, Windows' ends of lines."""
    text = (
        "\ufeffTotal Tokens,Model,Team,Team ID,Date,Failed,Successful,Requests,Note\r\n"
        '"1,200",a,"Accueil, Paris",7,2026-11-02,1,39,40,"x\r\ny"\r\n\r\n'
    )
    (day,) = read(text).days
    assert (day.team, day.total_tokens, day.failed) == ("Accueil, Paris", 1_200, 1)


def test_requests_that_do_not_add_up_are_told() -> None:
    """Taken as they are."""
    text = HEADER + "2026-11-02,A,1,a,0,40,30,5,100\n"
    assert read(text).remarks == ["line 2: 30 successful and 5 failed are not 40 requests"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: no column Date"),
        ("Date;Team\n", "is it LiteLLM's daily usage export"),
        (HEADER + "2026-11-02,A,1,a,0,40,40,0\n", "line 2: 8 cells, the header has 9"),
        (HEADER + "02/11/2026,A,1,a,0,1,1,0,9\n", "line 2: Date is no day such as"),
        (HEADER + "2026-02-30,A,1,a,0,1,1,0,9\n", "no day of the calendar"),
        (HEADER + "2026-11-02,A,1,a,0,1,1,0,-9\n", "Total Tokens is no whole number"),
        (HEADER + "2026-11-02,A,1,a,0,1.5,1,0,9\n", "line 2: Requests is no whole number"),
        (HEADER + "2026-11-02,A,1,a,0,1,1,0,\n", "Total Tokens is no whole number"),
        (HEADER + f"2026-11-02,A,1,a,0,1,1,0,{2**53}\n", "no whole number"),
        (HEADER + "2026-11-02,A,1,a,0,a@b.fr,1,0,9\n", "Requests is no whole number"),
        (HEADER + "a@b.fr,A,1,a,0,1,1,0,9\n", "Date is no day"),
        (HEADER + '2026-11-02,"A,1,a,0,1,1,0,9\n', "no CSV"),
    ],
)
def test_what_is_no_such_export_is_refused(text: str, says: str) -> None:
    """Whole, with the line: half a month is worse than none; no cell is repeated in the message."""
    with pytest.raises(ExportError, match=says) as error:
        read(text)
    assert "@" not in str(error.value)


lines = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "Unassigned"]),
        st.sampled_from(["2026-11-02", "2026-11-03"]),
        st.integers(0, 50),
        st.integers(1, 4),
    ),
    unique_by=lambda item: item[:2],
)


@given(lines, st.randoms(use_true_random=False))
def test_repetition_and_order_change_nothing(
    teams: list[tuple[str, str, int, int]], chance: random.Random
) -> None:
    """However many models a team has, and however the rows lie: the same days."""
    once = "".join(row(team, "m0", count, 30 * count, day=day) for team, day, count, _ in teams)
    rows = [
        row(team, f"m{model}", count, 30 * count, day=day)
        for team, day, count, models in teams
        for model in range(models)
    ]
    chance.shuffle(rows)
    numbers = [
        [(day.day, day.team, day.requests, day.total_tokens) for day in read(HEADER + text).days]
        for text in (once, "".join(rows))
    ]
    assert numbers[0] == numbers[1]
