"""What a month is now against what was known then: the difference, and the thing that made it."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from footprint import factor_table, restatement
from footprint.restatement import Restatement
from footprint.service import readmit, reports, restating, rollups, store_factors, subjects
from footprint.service.cli import main
from footprint.statement import Statement
from tests import usage_pages
from tests.pages import START, make_ledger
from tests.service.house import House
from tests.service.test_cli import failure
from tests.service.test_hardware import HARDWARE
from tests.service.test_views_by_quarter import load

HEADER = (
    "indicator;zone;value;unit;valid_from;valid_to;basis;method;uncertainty_percent;source;"
    "published\n"
)
ROW = (
    "gwp;FR;{value};gCO2e/kWh;2025-01-01;2026-01-01;life-cycle, consumption mix, losses included, "
    "smoothed over 2022-2025;location;10;{source};2026\n"
)


def correct(house: House, value: str, source: str) -> None:
    """The factor of 2025, by a later word."""
    house.now += timedelta(minutes=1)
    table = HEADER + ROW.format(value=value, source=source)
    with house.app.state.footprint.store.write() as connection:
        store_factors.add(connection, factor_table.parse(table, house.now))
    house.now += timedelta(minutes=1)


def statement(house: House, at: datetime | None = None) -> Statement:
    store = house.app.state.footprint.store
    rollups.refresh(store)
    with store.read() as connection:
        asked = subjects.Asked("2026-11")
        return reports.statement(connection, asked, "FR", at or house.now, rolled=at is None)


def restated(house: House, since: datetime) -> Restatement:
    old, new = statement(house, since), statement(house)
    with house.app.state.footprint.store.read() as connection:
        return restatement.compare(old, new, [*restating.causes(connection, since)])


def test_a_factor_that_changes_the_past_is_named(house: House) -> None:
    """What was stated comes out again as of then; changed back, bit for bit."""
    assert house.post(make_ledger(4)).status_code == 200
    published, at = statement(house), house.now
    correct(house, "92.2", "Correction")
    assert statement(house, at) == published
    found = restated(house, at)
    (cause,) = found.causes
    assert cause.kind == "factor"
    assert (cause.old, cause.new) == ("46.1 gCO2e/kWh +-10 %", "92.2 gCO2e/kWh +-10 %")
    assert cause.source == "Correction"
    measures = {row.measure for row in found.changed}
    assert measures == {"emissions_ug", "emissions_ug_low", "emissions_ug_high"}
    assert published.total.emissions_ug is not None
    found = msgspec.structs.replace(
        found, changed=[row for row in found.changed if row.measure == "emissions_ug"]
    )
    (whole,) = [row for row in found.changed if row.consumer is None and not row.others]
    assert whole.old == published.total.emissions_ug
    assert whole.difference == (whole.new or 0) - whole.old
    parts = [row for row in found.changed if row is not whole]
    assert sum(row.difference or 0 for row in parts) == whole.difference
    correct(house, "46.1", "ADEME Base Empreinte, 2025 mix moyen consommation")
    back = statement(house)
    for name in ("total", "consumers", "lines", "sites"):
        assert getattr(back, name) == getattr(published, name)
    assert not restated(house, at).changed


def test_pages_hardware_and_register_that_change_it_are_named(house: House) -> None:
    pages = [*make_ledger(4)]
    assert house.post(pages[:2]).status_code == 200
    at = house.now
    house.now += timedelta(minutes=1)
    assert house.post(pages[2:]).status_code == 200
    assert house.put("/v1/hardware/host-1", HARDWARE).status_code == 200
    assert house.put("/v1/sia/chat-demo", {"name": "Assistant"}).status_code == 200
    house.now += timedelta(minutes=1)
    found = restated(house, at)
    kinds = {one.kind: one for one in found.causes}
    assert {"pages", "hardware", "sia"} <= set(kinds)
    assert (kinds["pages"].old, kinds["pages"].new) == ("page 1", "page 3")
    assert (kinds["hardware"].id, kinds["hardware"].old) == ("host-1", None)
    measures = {row.measure for row in found.changed if row.consumer is None}
    assert {"energy_uj", "site_energy_uj", "emissions_ug", "making_emissions_ug"} <= measures


def test_a_grid_told_otherwise_is_named_and_unknown_is_not_zero(house: House) -> None:
    """Also where it is as final as before; the view was unknown before anything was told."""
    assert house.post(make_ledger(4)).status_code == 200
    unknown = house.now
    instants = []
    for gas_mw in (50, 80):
        house.now += timedelta(minutes=1)
        load(house, START, [gas_mw] * 4, "consolidated")
        house.now += timedelta(minutes=1)
        instants.append(house.now)
    found = restated(house, instants[0])
    assert [one.kind for one in found.causes] == ["grid"]
    whole = next(row for row in found.changed if row.measure == "hourly_direct_ug")
    assert whole.difference
    first = restated(house, unknown)
    assert {(row.old, row.difference) for row in first.changed} == {(None, None)}


def test_making_that_nobody_knew_was_not_zero(house: House) -> None:
    assert house.post(make_ledger(4)).status_code == 200
    at = house.now
    house.now += timedelta(minutes=1)
    assert house.put("/v1/hardware/host-1", HARDWARE).status_code == 200
    house.now += timedelta(minutes=1)
    found = restated(house, at)
    assert {(row.old, row.difference) for row in found.changed} == {(None, None)}
    assert {row.consumer for row in found.changed} >= {None, "chat-demo"}


def test_pages_that_are_taken_in_again_are_named(house: House) -> None:
    """They leave every head where it was."""
    present, pages = house.now, [*make_ledger(8)]
    house.now = START + timedelta(minutes=20)  # a clock behind: later pages are left out
    assert house.post(pages[:4]).status_code == 200
    house.now = present
    assert house.post(pages[4:]).status_code == 200
    house.now += timedelta(minutes=1)
    at = house.now
    house.now += timedelta(minutes=1)
    store = house.app.state.footprint.store
    assert [*readmit.readmit(store, START, present, (), lambda: house.now)]
    house.now += timedelta(minutes=1)
    found = restated(house, at)
    (cause,) = found.causes
    assert (cause.kind, cause.id, cause.new) == ("pages", "host-1", "readmit 2 pages")
    assert {row.measure for row in found.changed} >= {"energy_uj"}


def test_contracts_of_one_rate_stand_apart(house: House) -> None:
    """By their documents."""
    assert house.post(make_ledger(1)).status_code == 200
    contract = {"permille": 300, "g_per_kwh": 0, "from": "2026-01-01"}
    site = {
        "name": "Site",
        "zone": "FR",
        "hosts": [{"host": "host-1"}],
        "contracts": [contract | {"document": name} for name in "AB"],
    }
    assert house.put("/v1/sites/site-1", site).status_code == 200
    house.now += timedelta(minutes=1)
    assert [one.source for one in statement(house).contracts] == ["A", "B"]


def test_small_differences_are_told_together(house: House) -> None:
    """Of two consumers that hardly change beside one that does."""
    consumers = {"chat-demo": 10**12, "tri-courrier": 5, "@system": 7}
    assert house.post(make_ledger(2, consumers=consumers)).status_code == 200
    at = house.now
    house.now += timedelta(minutes=1)
    correct(house, "92.2", "Correction")
    found = restated(house, at)
    together = [row for row in found.changed if row.others]
    assert all(row.consumer is None for row in together)
    assert {row.consumer for row in found.changed if not row.others} == {None, "chat-demo"}


def test_the_command_writes_both_formats(house: House, capsys) -> None:
    if house.database is None:
        pytest.skip("the command speaks to a file here")
    assert house.post(make_ledger(2)).status_code == 200
    command = ["restatement", "--month", "2026-11", "--database", str(house.database)]
    since = ["--since", house.now.isoformat()]
    assert main([*command, *since]) == 0
    told: dict[str, Any] = msgspec.json.decode(capsys.readouterr().out)
    assert (told["month"], told["format"]) == ("2026-11", 1)
    assert main([*command, *since, "--format", "csv"]) == 0
    rows = [*csv.reader(io.StringIO(capsys.readouterr().out), delimiter=";")]
    assert ["consumer", "others", "measure", "old", "new", "difference"] in rows
    assert "is yet to come" in failure(capsys, *command, "--since", "9999-01-01T00:00:00Z")
    assert house.put("/v1/directorates/dir", {"name": "Late"}).status_code == 200
    late = {"name": "Late", "directorate": "dir"}
    assert house.put("/v1/projects/late", late).status_code == 200
    house.now += timedelta(minutes=1)
    before = (house.now - timedelta(days=1)).isoformat()
    assert "was not known then" in failure(capsys, *command, "--since", before, "--project", "late")
    assert "write an instant" in failure(capsys, *command, "--since", "then")
    assert "is not registered" in failure(capsys, *command, *since, "--project", "nope")


def test_what_was_asked_of_what_nobody_had_registered_was_not_zero(house: House) -> None:
    """Nothing was known of it; once another service is known, of both only the least was."""
    lines = [
        usage_pages.line("chat-demo", server=code, model="gpt-4o") for code in ("openai", "else")
    ]
    assert house.tell(usage_pages.chain([usage_pages.make_page(lines=lines)])).status_code == 200
    service = {"name": "Outside", "provider": "openai", "models": {"gpt-4o": "gpt-4o"}}
    instants = [house.now]
    for code in ("openai", "else"):
        house.now += timedelta(minutes=1)
        assert house.put(f"/v1/externals/{code}", service).status_code == 200
        house.now += timedelta(minutes=1)
        instants.append(house.now)
    assert statement(house, instants[0]).externals is None
    found = {row.measure: row for row in restated(house, instants[0]).changed}
    for end in ("low", "high"):
        row = found[f"external_energy_uj_{end}"]
        assert (row.old, row.difference, bool(row.new)) == (None, None, True)
    between = {row.measure: row for row in restated(house, instants[1]).changed}
    least, most = (between[f"external_energy_uj_{end}"] for end in ("low", "high"))
    assert least.new == 2 * (least.old or 0)
    assert (most.old, most.difference, most.new) == (None, None, row.new)


def test_words_of_the_register_are_no_cause(house: House) -> None:
    """Names and what a SIA is for change no figure; shares, aliases, units and the rest may."""
    assert house.post(make_ledger(2)).status_code == 200
    sia = {"name": "Chat", "unit": "page"}
    site = {"name": "Site", "zone": "FR"}
    service = {"name": "Outside", "provider": "openai", "models": {"gpt-4o": "gpt-4o"}}
    register: dict[str, dict[str, Any]] = {
        "sia/chat-demo": sia,
        "servers/albert": {"name": "Albert"},
        "sites/site-1": site,
        "externals/openai": service,
    }
    for path, body in register.items():
        assert house.put(f"/v1/{path}", body).status_code == 200
    house.now += timedelta(minutes=1)
    at = house.now
    house.now += timedelta(minutes=1)
    said = {"purpose": "Answers", "stage": "production", "hosting": "own", "owner": "Office"}
    for path, body in register.items():
        more = said if path.startswith("sia") else {}
        assert house.put(f"/v1/{path}", body | more | {"name": "Other"}).status_code == 200
    house.now += timedelta(minutes=1)
    assert restated(house, at).causes == []
    for path, more in {
        "sia/chat-demo": {"aliases": [{"code": "chat-old"}]},
        "servers/albert": {"idle": "none"},
        "sites/site-1": {"zone": "DE"},
        "externals/openai": {"zone": "FRA"},
    }.items():
        assert house.put(f"/v1/{path}", register[path] | more).status_code == 200
    house.now += timedelta(minutes=1)
    kinds = ["sia", "server", "site", "external"]
    assert [one.kind for one in restated(house, at).causes] == kinds


def test_before_the_first_page_nothing_was_known(house: House) -> None:
    """Which is not zero."""
    start = house.now
    house.now += timedelta(hours=1)
    assert house.post(make_ledger(2, start=START)).status_code == 200
    rows = {one.measure: one for one in restated(house, start).changed if one.consumer is None}
    assert rows["energy_uj"].old is None
    assert rows["energy_uj"].difference is None
    assert (rows["energy_uj"].new or 0) > 0
