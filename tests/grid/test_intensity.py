"""What a quarter-hour's kilowatt-hour emits."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint.grid.intensity import RTE_DIRECT, agreement, intensity_ug_per_kwh
from footprint.grid.quarter import TECHNOLOGIES, Quarter, Technology

MW = st.lists(st.integers(-500, 100_000), min_size=8, max_size=8)


@pytest.mark.parametrize(
    ("technology", "grams"), [("gas", 428), ("coal", 984), ("nuclear", 0), ("solar", 0)]
)
def test_one_technology_alone_is_its_own_factor(technology: Technology, grams: int) -> None:
    generation = [7 if name == technology else 0 for name in TECHNOLOGIES]
    assert intensity_ug_per_kwh(generation, RTE_DIRECT) == grams * 1_000_000


def test_what_takes_more_than_it_gives_generates_nothing() -> None:
    assert intensity_ug_per_kwh([0, 0, 10, -30, 0, -1, 0, 0], RTE_DIRECT) == 428_000_000


@pytest.mark.parametrize("generation", [[None, *[1] * 7], [0] * 8, [-1] * 8])
def test_an_unknown_technology_or_no_generation_has_no_intensity(
    generation: list[int | None],
) -> None:
    assert intensity_ug_per_kwh(generation, RTE_DIRECT) is None


@given(MW, st.integers(1, 9))
def test_between_the_least_and_the_most_and_independent_of_scale(mw: list[int], by: int) -> None:
    found_ug = intensity_ug_per_kwh(mw, RTE_DIRECT)
    assert found_ug == intensity_ug_per_kwh([by * one for one in mw], RTE_DIRECT)
    if found_ug is not None:
        assert 0 <= found_ug <= 984_000_000


def test_agreement_counts_what_has_both() -> None:
    def quarter(gas_mw: int | None, published: int | None) -> Quarter:
        return Quarter(0, "real-time", (0, 0, gas_mw, 99, 0, 0, 0, 0), published)

    found = agreement([quarter(1, 4), quarter(1, 7), quarter(None, 9), quarter(1, None)])
    assert (found.quarters, found.beyond_1_g, found.worst_g_per_kwh) == (2, 1, Decimal("2.72"))
