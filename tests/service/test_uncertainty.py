"""The interval of a statement's total: from rollups and pages alike, in every scope and format."""

import csv
import io
from datetime import timedelta

from footprint.statement import Statement, Uncertain
from tests.pages import make_ledger
from tests.service import shared_house
from tests.service.house import House
from tests.service.test_hardware import statement


def gases(found: Statement) -> Uncertain:
    return next(one for one in found.uncertainty if one.measure == "emissions_ug")


def test_the_interval_is_of_the_scope_that_is_asked_for(house: House) -> None:
    """Of the whole, of projects and of a SIA; the value is the total's own."""
    shared_house.tell(house)
    shared_house.register(house)
    house.now += timedelta(hours=1)
    scopes: list[dict[str, str]] = [{}, {"project": "accueil"}, {"sia": "chat-demo"}]
    for scope in scopes:
        found = statement(house, **scope)
        assert statement(house, rolled=True, **scope).uncertainty == found.uncertainty
        one = gases(found)
        assert one.value == found.total.emissions_ug
        assert one.low < one.value < one.high
        assert {off.kind for off in one.sources} >= {"sensor", "pue", "factor"}
    whole, own = gases(statement(house)), gases(statement(house, sia="chat-demo"))
    assert whole.value > own.value
    assert whole.high - whole.low > own.high - own.low


def test_a_factor_that_states_less_narrows_it(house: House) -> None:
    """A declared PUE has no range of its own."""
    assert house.post(make_ledger(4)).status_code == 200
    before = gases(statement(house))
    site = {
        "name": "Site",
        "zone": "FR",
        "hosts": [{"host": "host-1"}],
        "pue": [{"value": 1.5, "from": "2026-01-01", "document": "Audit"}],
    }
    answer = house.put("/v1/sites/site-1", site)
    assert answer.status_code == 200, answer.text
    house.now += timedelta(minutes=1)
    after = gases(statement(house))
    assert after.value == before.value
    assert after.high - after.low < before.high - before.low
    assert "pue" not in {off.kind for off in after.sources}


def test_it_is_in_every_format(house: House) -> None:
    assert house.post(make_ledger(4)).status_code == 200
    address = "/v1/statements/2026-11"
    told = house.get(address).json()["uncertainty"]
    text = house.get(f"{address}?format=csv").text
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=";") if row]
    found = [row[1:5] for row in rows if row[0] == "# uncertainty"]
    assert found == [[str(one[k]) for k in ("measure", "value", "low", "high")] for one in told]
    sources = [row for row in rows if row[0] == "# uncertainty_source"]
    assert len(sources) == sum(len(one["sources"]) for one in told)
    page = house.get(f"{address}?format=html&lang=fr").text
    assert "De combien le total peut s’écarter" in page
