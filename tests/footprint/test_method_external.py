"""Services outside the house: METHOD.md's numbers, by the estimator itself."""

import pytest

from footprint import external
from footprint.counts import Counts
from footprint.external import Asked, Range, Request
from footprint.service import ecologits_model
from tests.footprint.method import Row, golden, number


@pytest.mark.parametrize("row", golden("external"), ids=str)
def test_worked_numbers(row: Row) -> None:
    generated = number(row["generated"]) if row["generated"] else None
    counts = Counts(number(row["requests"]), None, 0, generated, number(row["all tokens"]), None)
    estimator = ecologits_model.load()
    assert estimator is not None
    told = external.estimate(estimator, Asked("openai", "gpt-4o", "FRA", counts))
    assert isinstance(told, Request)
    found = external.rounded(told.causes)
    for name, column in (
        ("energy_uj", "energy, {} (uJ)"),
        ("emissions_ug", "gases of use, {} (ug)"),
    ):
        ends = (number(row[column.format(end)]) for end in ("least", "greatest"))
        assert found[name] == Range(*ends)
    low, _, high = row["making: gases (ug)"].partition(" to ")
    assert found["making_ug"] == Range(number(low), number(high or low))


def test_the_first_row_by_hand() -> None:
    """As the text has it: boards and the rest of their servers, with what the site adds."""
    (row, *_) = golden("external")
    boards_kwh = 16 * 1000 * 6.55835e-8
    rest_kwh = 1.2 * 16 / 8 / 64 * (1000 / 74 + 0.61) / 3600
    least_uj = 1.2 * (boards_kwh + rest_kwh) * 3.6e12
    assert number(row["energy, least (uJ)"]) == pytest.approx(least_uj, rel=1e-6)
