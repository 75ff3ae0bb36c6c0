"""Intervals: METHOD.md's numbers, what must hold of any, and a simulation that knows no formula."""

import random
from fractions import Fraction
from itertools import product
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint import intervals, uncertainty
from footprint.amounts import Cell, Period
from footprint.facility import Terms, assumed, declared
from footprint.figures import COMPONENTS, coverage, lines, total
from footprint.ledger import Quality
from footprint.statement import Coverage, Uncertain
from footprint.uncertainty import ACCURACY, Deviation, Error, added, bounds, deviations
from tests.footprint.method import Row, golden, number
from tests.footprint.test_impact import factor

PUE = msgspec.structs.replace(factor("1.5"), id="pue:site", uncertainty_percent=None, unit="1")


def error(group: str, down: int, up: int) -> Error:
    return Error("sensor", group, Fraction(down, 1000), Fraction(up, 1000), "")


@pytest.mark.parametrize("row", golden("uncertainty"), ids=str)
def test_worked_numbers(row: Row) -> None:
    both = error("pue", number(row["PUE down"]), number(row["PUE up"]))
    parts = {
        number(row[f"{name}, counted"]): error(name, *[number(row[f"{name} +-"])] * 2)
        for name in ("GPU", "CPU")
    }
    off = [one for amount, own in parts.items() for one in deviations(amount, [own, both])]
    found = bounds(sum(parts), off)
    assert (found.low, found.high) == (number(row["low"]), number(row["high"]))


several = st.lists(
    st.builds(
        Deviation,
        st.just("sensor"),
        st.sampled_from("abc"),
        st.integers(0, 10**15),
        st.integers(0, 10**15),
        st.just(""),
    )
)


@given(st.integers(0, 10**15), several)
def test_an_interval_is_between_what_cancels_and_what_adds_up(
    amount: int, off: list[Deviation]
) -> None:
    """Never wider than all errors together, never narrower than the greatest; in any order."""
    found = bounds(amount, off)
    assert 0 <= found.low <= amount <= found.high
    assert found.high <= amount + sum(one.up for one in off)
    assert found.high >= amount + max((one.up for one in added(off)), default=0)
    assert bounds(amount, off[::-1]) == found
    assert bounds(amount, added(off)) == found


def test_every_way_to_obtain_energy_has_an_error() -> None:
    assert set(ACCURACY) == {*product(COMPONENTS, get_args(Quality))}
    assert all(one.source for one in ACCURACY.values())


def test_a_model_errs_down_as_far_as_the_curves_differ() -> None:
    """The line of METHOD.md lies most above `0.1 + 0.9 x load^3` at a load of a third or so."""
    ratios = [(0.1 + 0.9 * x**3) / (0.1 + 0.9 * x) for x in (n / 1000 for n in range(1001))]
    down = uncertainty.of_sensor("cpu", "modelled").down
    assert float(down) == pytest.approx(1 - min(ratios), abs=0.001)


def test_a_pue_that_is_assumed_twice_is_one_assumption() -> None:
    use = msgspec.structs.replace(PUE, low=number_of("1.2"), high=number_of("2.0"))
    errors = {intervals.of_pue(assumed(site, use)) for site in ("", "a", "b")}
    (one,) = errors
    assert (one.down, one.up) == (Fraction(1, 5), Fraction(1, 3))
    own = intervals.of_pue(declared("a", number_of("1.5"), "Audit", None, (None, None)))
    assert (own.down, own.up) == (0, 0)


def number_of(text: str):
    return type(PUE.value)(text)


WIDE = msgspec.structs.replace(PUE, low=number_of("1.2"), high=number_of("2.0"))
GWP = msgspec.structs.replace(factor("46.1"), uncertainty_percent=number_of("10"))
SITES = {
    "a": Terms(GWP, assumed("a", WIDE), zone="FR"),
    "b": Terms(GWP, declared("b", number_of("1.3"), "Audit", None, (None, None)), zone="FR"),
}
ENERGY = {
    ("a", "gpu", "counter"): 3 * 10**12,
    ("a", "cpu", "counter"): 10**12,
    ("b", "gpu", "counter"): 2 * 10**12,
    ("b", "dram", "counter"): 4 * 10**11,
}
"""Microjoules by site, component and quality."""


def stated(covers: dict[str, Coverage] | None = None) -> dict[str, Uncertain]:
    cells = [
        Cell("chat", component, "dynamic", quality, energy_uj, site=site)  # type: ignore[arg-type]
        for (site, component, quality), energy_uj in ENERGY.items()
    ]
    periods = [Period(SITES, cells)]
    off = intervals.Intervals(periods, covers or {})  # type: ignore[arg-type]
    whole, found = off.total(total(lines(periods, []), coverage([])), whole=True)
    assert [one.value for one in found] == [whole.site_energy_uj, whole.emissions_ug]
    return {one.measure: one for one in found}


def test_a_simulation_confirms_the_interval() -> None:
    """Each group is drawn on its own, at 95 % within its range, and the figure computed anew from
    what was drawn: no formula of the interval is used."""
    rng = random.Random(20261123)

    def drawn(down: float, up: float) -> float:
        normal = rng.gauss(0, 1 / 1.96)
        return 1 + normal * (up if normal > 0 else down)

    def figure() -> float:
        sensor = {"gpu": drawn(0.05, 0.05), "cpu": drawn(0.05, 0.05), "dram": drawn(0.2, 0.2)}
        pue = {"a": 1.5 * drawn(0.2, 1 / 3), "b": 1.3}
        gwp = 46.1 * drawn(0.1, 0.1)
        return sum(
            energy_uj / 3.6e12 * sensor[component] * pue[site] * gwp * 1e6
            for (site, component, _), energy_uj in ENERGY.items()
        )

    found = stated()["emissions_ug"]
    draws = sorted(figure() for _ in range(20_000))
    assert abs(draws[500] - found.low) < 0.03 * found.value
    assert abs(draws[-500] - found.high) < 0.03 * found.value
    assert abs(draws[10_000] - found.value) < 0.01 * found.value


def test_the_sources_are_named_with_their_parts() -> None:
    found = stated()
    kinds = {(one.kind, one.group) for one in found["emissions_ug"].sources}
    assert kinds == {
        ("sensor", "gpu counter"),
        ("sensor", "cpu counter"),
        ("sensor", "dram counter"),
        ("pue", "pue:site"),
        ("factor", GWP.id),
    }
    assert "factor" not in {one.kind for one in found["site_energy_uj"].sources}
    assert all(one.source for one in found["emissions_ug"].sources)


def test_time_without_a_reading_only_adds() -> None:
    """A quarter of it: a third more of what that component used, with its site's part."""
    whole = stated()["site_energy_uj"]
    found = stated({"gpu": Coverage(750, 1000, weighted=False)})["site_energy_uj"]
    assert found.low == whole.low
    assert found.high > whole.high
    (one,) = [one for one in found.sources if one.kind == "coverage"]
    assert (one.group, one.down) == ("gpu", 0)
    assert one.up == pytest.approx((3 * 1.5 + 2 * 1.3) * 10**12 / 3)


def test_what_was_not_used_has_no_error() -> None:
    _, told = intervals.Intervals([], {}).total(total([], coverage([])), whole=True)
    assert told[0].sources == []
    assert uncertainty.bounds(5, []).low == uncertainty.bounds(5, []).high == 5
