"""The catalogue names every quantity with its unit; promtool's word is in tests/house."""

import pytest

from footprint.metrics import AGENT_METRICS, SERVICE_METRICS, Metric

UNITS = (
    *("joules", "grams", "seconds", "bytes", "ratio", "grams_per_kwh"),
    *("_per_1000_generated_tokens", "_per_request", "_per_unit"),
)
COUNTED = (
    *("_info", "_up", "_pages", "_hosts", "_processes", "_sample"),
    *("_pages_total", "_pushes_total", "_late_total", "_pages_in_memory"),
    *("_ledgers_begun_total", "_refusals_total", "_refused_total"),
    *("_messages", "_budgets", "_state", "_reached"),
)


@pytest.mark.parametrize(
    "metric", dict.fromkeys((*AGENT_METRICS, *SERVICE_METRICS)), ids=lambda m: m.name
)
def test_each_name_ends_in_its_unit(metric: Metric) -> None:
    """Base units, or a plain count of something named."""
    name = metric.name.removesuffix("_total")
    counted = metric.name.endswith((*COUNTED, "_failures_total"))
    assert name.endswith(UNITS) or counted


def test_energy_names_its_quality() -> None:
    """Measured and modelled energy can be told apart in every energy metric but evidence."""
    energy = [m for m in (*AGENT_METRICS, *SERVICE_METRICS) if "energy_joules" in m.name]
    assert len(energy) == 6
    assert [m.name for m in energy if "quality" not in m.labels] == [
        "footprint_evidence_energy_joules_total"
    ]


def test_figures_that_can_be_restated_are_gauges() -> None:
    """A month's figure may fall when a factor or a page comes later: never a counter."""
    assert {m.kind for m in SERVICE_METRICS if "_month_" in m.name} == {"gauge"}
