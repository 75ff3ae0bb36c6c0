"""Electricity Maps' years: as the API answers, and every row that cannot be."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from footprint.factor_files import electricity_maps
from footprint.factor_files.found import Found
from footprint.factors import FactorError, applicable, headline

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def row(year: int, intensity: float, **changes: Any) -> dict[str, Any]:
    """A year as the API has it."""
    return {
        "zone": "FR",
        "carbonIntensity": intensity,
        "datetime": f"{year}-01-01T00:00:00.000Z",
        "updatedAt": f"{year + 1}-02-03T04:05:06.000Z",
        "createdAt": f"{year + 1}-01-03T04:05:06.000Z",
        "emissionFactorType": "lifecycle",
        "flowTraced": True,
        "isEstimated": False,
        "estimationMethod": None,
        "temporalGranularity": "yearly",
        **changes,
    }


def answer(*rows: dict[str, Any]) -> dict[str, Any]:
    found = rows or (row(2023, 44.1), row(2024, 34.5, isEstimated=True))
    return {"zone": "FR", "temporalGranularity": "yearly", "data": list(found)}


def read(content: Any) -> Found:
    return electricity_maps.read(json.dumps(content).encode(), NOW)


def test_a_year_each() -> None:
    found = read(answer())
    assert {one.valid_from.year: one.value for one in found.factors} == {
        2023: Decimal("44.1"),
        2024: Decimal("34.5"),
    }
    assert {one.basis for one in found.factors} == {"life-cycle, flow-traced"}
    assert [one.published for one in found.factors] == ["2024-02-03", "2025-02-03"]
    assert (found.rows, found.remarks) == (2, ["1 of them hold estimates"])


def test_rows_alone_and_both_kinds() -> None:
    rows = [row(2024, 34.5), row(2024, 20.1, emissionFactorType="direct")]
    found = read(rows).factors
    assert [one.basis for one in found] == ["life-cycle, flow-traced", "direct, flow-traced"]


def test_they_never_stand_for_the_regulatory_mix() -> None:
    found = read(answer()).factors
    with pytest.raises(FactorError):
        headline(found, "FR", NOW.date(), NOW)
    used = applicable(found, "gwp", "FR", "location", NOW.date(), as_of=NOW, basis="life-cycle")
    assert used.value == Decimal("34.5")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "not Electricity Maps' JSON"),
        ([], "no row in it"),
        ({"data": []}, "no row in it"),
        ({"data": [1]}, "not Electricity Maps' JSON"),
        ([row(2024, 34.5), row(2024, 30)], "row 2: FR has 2024 in a row above"),
        ([row(2024, 34.5, temporalGranularity="hourly")], "row 1: temporalGranularity: 'hourly'"),
        ([row(2024, 34.5, temporalGranularity=None)], "'None' is not 'yearly'"),
        ([row(2024, 34.5, zone=None)], "row 1: zone: neither the row nor the answer names one"),
        ([row(2024, 34.5, zone="F\nR")], "row 1: zone"),
        ([row(2024, 34.5, datetime="2024-02-01T00:00:00Z")], "is not the start of a year"),
        ([row(2024, 34.5, datetime="2024-01-01T00:00:00")], "is not the start of a year"),
        ([row(2024, 34.5, datetime="1950-01-01T00:00:00Z")], "1950 is not between"),
        ([row(2024, 34.5, datetime="yesterday")], "row 1: Invalid RFC3339"),
        ([row(2024, -3)], "row 1: carbonIntensity: value -3 is not 0 or between"),
        ([row(2024, 1e9)], "is not 0 or between"),
        ([row(2024, 34.5, updatedAt=None)], "row 1: updatedAt is missing"),
        ([row(2024, 34.5, emissionFactorType="marginal")], "row 1: Invalid enum value"),
        ([{"zone": "FR"}], "row 1: Object missing required field"),
    ],
)
def test_what_cannot_be_is_said(content: Any, says: str) -> None:
    with pytest.raises(FactorError) as found:
        read(content)
    assert says in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"data": "x"}', b"null", b'"\\ud800"']
)
def test_what_is_no_json_is_said(content: bytes) -> None:
    with pytest.raises(FactorError, match="JSON"):
        electricity_maps.read(content, NOW)


def test_a_file_beyond_all_measure_is_not_decoded() -> None:
    with pytest.raises(FactorError, match="more than 16 MiB"):
        electricity_maps.read(b" " * (electricity_maps.MOST_BYTES + 1), NOW)
