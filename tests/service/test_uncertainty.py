"""The intervals of a statement: from rollups and pages alike, in every scope and format."""

import csv
import io
from datetime import timedelta

import pytest

from footprint.statement import Figure, Statement, Uncertain
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


def figures_of(found: Statement) -> list[Figure]:
    """Every figure of a statement."""
    return [
        found.total,
        *(line.figure for line in found.lines),
        *(one.figure for one in found.components),
        *(
            figure
            for one in found.consumers
            for figure in (one.figure, one.own, one.shared)
            if figure is not None
        ),
    ]


def test_every_figure_has_an_interval_of_every_measure_that_it_has(house: House) -> None:
    """From rollups and pages alike; of what is not available there is none."""
    shared_house.tell(house)
    scopes: list[dict[str, str]] = [{}, {"project": "courrier"}, {"sia": "chat-demo"}]
    for scope in scopes:
        found = statement(house, **scope)
        assert figures_of(statement(house, rolled=True, **scope)) == figures_of(found)
        for figure in figures_of(found):
            known = {"energy_uj", "site_energy_uj", "emissions_ug"}
            known |= {name for name, amount in figure.impacts.items() if amount is not None}
            known |= {view for view, seen in figure.views.items() if seen.energy_uj}
            assert figure.intervals.keys() >= known
            if figure.energy_uj:  # no site says what water it uses
                assert "water_site_ul" not in figure.intervals
            for measure in ("energy_uj", "site_energy_uj", "emissions_ug"):
                ends, value = figure.intervals[measure], getattr(figure, measure)
                assert ends.low <= value <= ends.high
                assert (ends.low < value < ends.high) or value < 100  # ends are whole
        told = {one.measure: one for one in found.uncertainty}
        for measure, one in told.items():
            ends = found.total.intervals[measure]
            assert (one.low, one.high) == (ends.low, ends.high)


def test_how_a_server_is_divided_moves_its_consumers_and_not_their_sum(house: House) -> None:
    shared_house.tell(house)
    whole = statement(house)
    assert "split" not in {off.kind for one in whole.uncertainty for off in one.sources}
    own = statement(house, sia="chat-demo")
    (off,) = [off for off in gases(own).sources if off.kind == "split"]
    (server,) = own.servers
    (share,) = server.consumers
    assert (off.group, off.source) == (server.code, "tokens")
    part_ug = share.emissions_ug
    assert part_ug is not None
    down = (share.active_uj - share.least_uj) / share.energy_uj
    up = (share.most_uj - share.active_uj) / share.energy_uj
    assert (off.down, off.up) == (
        pytest.approx(part_ug * down, rel=1e-6, abs=5),
        pytest.approx(part_ug * up, rel=1e-6, abs=5),
    )
    chat = next(one for one in whole.consumers if one.consumer == "chat-demo")
    assert chat.figure.intervals == own.total.intervals
    widths = [one.figure.intervals["energy_uj"] for one in whole.consumers]
    ends = whole.total.intervals["energy_uj"]
    assert ends.high - ends.low < sum(one.high - one.low for one in widths)


def test_the_intervals_are_in_the_csv(house: House) -> None:
    shared_house.tell(house)
    address = "/v1/statements/2026-11"
    told = house.get(address).json()
    text = house.get(f"{address}?format=csv").text
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=";") if row]
    at = next(place for place, row in enumerate(rows) if row[0] == "consumer")
    for row, line in zip(rows[at + 1 :], told["lines"], strict=True):
        cells = dict(zip(rows[at], row, strict=True))
        for measure, ends in line["figure"]["intervals"].items():
            assert cells[f"{measure}_low"] == str(ends["low"])
            assert cells[f"{measure}_high"] == str(ends["high"])
        assert cells["water_site_ul_low"] == ""
