"""/metrics of the service: names of the catalogue, figures of the statement, clean for promtool."""

import subprocess
from datetime import timedelta

import httpx
from prometheus_client.parser import text_string_to_metric_families

from footprint import metrics
from tests.pages import CONSUMERS, make_ledger
from tests.service import shared_house
from tests.service.house import House
from tests.tools import require_tool


def samples(answer: httpx.Response) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by name and label values, these in the order of the catalogue."""
    labels = {metric.name: metric.labels for metric in metrics.SERVICE_METRICS}
    return {
        (sample.name, tuple(sample.labels[name] for name in labels[sample.name])): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def three_days(house: House) -> None:
    """Measured before, so that there is a forecast."""
    start = (house.now - timedelta(days=5)).replace(hour=0, minute=0)
    pages = make_ledger(
        4 * 96, start=start, host_id="host-9", ledger_id="00000000-0000-4000-8000-0000000000d3"
    )
    assert house.post(pages).status_code == 200


def test_only_the_catalogue_s_families_are_exposed(house: House) -> None:
    """Each of them, with its labels, and no series of creation times."""
    shared_house.tell_much(house)
    budget = {
        "name": "B",
        "sia": "chat-demo",
        "indicator": "energy",
        "period": "2026",
        "amount": "1",
    }
    assert house.put("/v1/budgets/b", budget).is_success
    three_days(house)
    house.app.state.footprint.watcher.look()
    known = {metric.name: metric for metric in metrics.SERVICE_METRICS}
    names = set()
    for family in text_string_to_metric_families(house.get("/metrics").text):
        for sample in family.samples:
            names.add(sample.name)
            assert set(sample.labels) == set(known[sample.name].labels)
    assert names == known.keys()


def test_counters_begin_at_zero_with_the_process(house: House) -> None:
    """Every result is there from the start; energy counts what this process accepted, once."""
    before = samples(house.get("/metrics"))
    for result in ("accepted", "duplicate", "quarantined", "conflict", "refused"):
        assert before["footprint_service_pages_total", (result,)] == 0
    pages = make_ledger(3)
    house.post(pages)
    house.post(pages)
    house.post_bytes(b"{")
    after = samples(house.get("/metrics"))
    assert after["footprint_service_pages_total", ("accepted",)] == 3
    assert after["footprint_service_pages_total", ("duplicate",)] == 3
    assert after["footprint_service_pages_total", ("refused",)] == 1
    for consumer, energy_uj in CONSUMERS.items():
        key = ("cpu", consumer, "counter")
        joules = after["footprint_service_energy_joules_total", key]
        assert round(joules * 1_000_000) == 3 * energy_uj
        assert after["footprint_month_energy_joules", key] == joules


def test_the_month_s_gauges_are_the_statement_s_figures(house: House) -> None:
    """Emissions, coverage and the factor in use, with its source and provisional mark."""
    house.post(make_ledger(3))
    found = samples(house.get("/metrics"))
    statement = house.get("/v1/statements/2026-11").json()
    for total in statement["consumers"]:
        grams = found["footprint_month_emissions_grams", (total["consumer"], "counter")]
        assert round(grams * 1_000_000) == total["figure"]["emissions_ug"]
    use = statement["factors"][0]
    factor = (use["zone"], use["method"], use["source"], use["valid_from"], "true")
    assert found["footprint_emission_factor_grams_per_kwh", factor] == 46.1
    assert str(found["footprint_month_coverage_ratio", ("cpu",)]) == "0.25"
    assert statement["total"]["coverage"] == "0.2500"
    assert found["footprint_service_hosts", ()] == 1


def test_promtool_finds_nothing_to_say(house: House) -> None:
    """`promtool check metrics` is silent, on an empty service and a full one."""
    promtool = require_tool("promtool")
    for pages in ([], make_ledger(2)):
        if pages:
            house.post(pages)
        text = house.get("/metrics").text
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
