"""A month is closed once and published once; what was published stays, whatever comes later."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import zstandard

from footprint import published_file
from footprint.publication import Publication
from footprint.service import fsck, rollups
from footprint.service.cli import main
from footprint.service.fsck_ledger import Checked
from tests.pages import make_ledger
from tests.service.house import House
from tests.service.test_publication_figures import CONSUMERS, SMALL, register
from tests.service.test_restatement import correct

MONTH = "2026-11"
OTHER, LATE = (f"00000000-0000-4000-8000-00000000000{digit}" for digit in "bc")
AFTER = datetime(2026, 12, 5, 9, 0, tzinfo=UTC)


@pytest.fixture(name="ended")
def make_ended(house: House) -> House:
    """A month of everybody's use that has ended."""
    assert house.post(make_ledger(9, consumers=CONSUMERS)).is_success
    register(house, dict.fromkeys(("chat", "tri"), "50-249"))
    house.now = AFTER
    return house


def close(house: House, month: str = MONTH, *, publish: bool = False) -> Publication:
    """The publication of a month that is closed now."""
    answer = house.client.put(f"/v1/closings/{month}")
    assert answer.is_success, answer.text
    if publish:
        assert house.client.put(f"/v1/publications/{month}").is_success
    file = published_file.read(house.get(f"/v1/closings/{month}").content)
    assert file.hash == answer.json()["hash"]
    return file.publication


def test_a_closed_month_is_its_statement(ended: House) -> None:
    """The figures of the month, to the integer; the first has the number 1."""
    stated = ended.get(f"/v1/statements/{MONTH}").json()
    found = close(ended)
    assert (found.number, found.previous, found.month) == (1, None, MONTH)
    assert (
        found.total.amount.energy_uj == stated["total"]["energy_uj"] == 9 * sum(CONSUMERS.values())
    )
    assert found.total.amount.emissions_ug == stated["total"]["emissions_ug"]
    assert found.ledgers_root == stated["ledgers_root"]
    assert (found.restatements, found.compared.month_before) == ([], None)
    assert [one.kind for one in found.equivalences] == ["home_electricity", "car_kilometres"]


def test_only_what_is_published_is_everybody_s(ended: House) -> None:
    """Closed, it is still the house's own."""
    close(ended)
    assert ended.get(f"/v1/publications/{MONTH}").status_code == 404
    assert ended.get("/v1/publications").json()["items"] == []
    answer = ended.client.put(f"/v1/publications/{MONTH}")
    assert answer.json()["published"] is not None
    public = ended.get(f"/v1/publications/{MONTH}")
    assert public.content == ended.get(f"/v1/closings/{MONTH}").content
    assert public.headers["Cache-Control"].startswith("public")
    again = ended.get(f"/v1/publications/{MONTH}", **{"If-None-Match": public.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    [item] = ended.get("/v1/publications").json()["items"]
    assert (item["month"], f'"{item["hash"]}"') == (MONTH, public.headers["ETag"])


def test_the_csv_has_the_same_figures(ended: House) -> None:
    """Each row of it, and its lines add up to its sums."""
    found = close(ended, publish=True)
    answer = ended.get(f"/v1/publications/{MONTH}?format=csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text), delimiter=";"))
    by_level: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_level.setdefault(row["level"], []).append(row)
    [total] = by_level["total"]
    for name in ("energy_uj", "site_energy_uj", "emissions_ug", "primary_energy_uj"):
        for level in ("directorate", "project", "unit", "component", "line"):
            assert sum(int(row[name]) for row in by_level[level]) == int(total[name]), level
    assert int(total["energy_uj"]) == found.total.amount.energy_uj
    assert total["coverage"] == str(found.total.coverage)
    ends = found.total.intervals["emissions_ug"]
    assert (total["emissions_ug_low"], total["emissions_ug_high"]) == (
        str(ends.low),
        str(ends.high),
    )
    units = {row["codes"].removeprefix("'"): row for row in by_level["unit"]}
    for unit in found.units:
        assert int(units[unit.id]["emissions_ug"]) == unit.told.amount.emissions_ug
    assert units["+".join(SMALL)]["names"] == "+".join(code.title() for code in SMALL)
    assert ended.get(f"/v1/closings/{MONTH}?format=csv").content == answer.content
    again = {"If-None-Match": answer.headers["ETag"]}
    assert ended.get(f"/v1/publications/{MONTH}?format=csv", **again).status_code == 304
    assert ended.get(f"/v1/publications/{MONTH}", **again).status_code == 200


def test_closing_again_changes_nothing(ended: House) -> None:
    """Nor does publishing: a timer may do it twice."""
    close(ended, publish=True)
    before = ended.get(f"/v1/publications/{MONTH}").content
    first = ended.get("/v1/closings").json()["items"]
    ended.now = datetime(2026, 12, 9, 9, 0, tzinfo=UTC)
    close(ended, publish=True)
    assert ended.get(f"/v1/publications/{MONTH}").content == before
    assert ended.get("/v1/closings").json()["items"] == first
    log = [line["action"] for line in ended.get("/v1/audit").json()["items"]]
    assert [log.count(f"{act} {MONTH}") for act in ("close", "publish")] == [1, 1]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("closings/2026-12", 422, "month 2026-12: ends on 2026-12-31T23:00:00+00:00"),
        ("closings/2026-10", 422, "month 2026-10: there was no meter yet"),
        ("closings/2026-13", 422, "2026-13"),
        ("closings/never", 422, "never"),
        ("publications/2026-10", 404, "month 2026-10: is not closed; close it first"),
    ],
)
def test_what_cannot_be_closed_is_said(ended: House, path: str, status: int, said: str) -> None:
    """A month that goes on, none at all, one that is not closed."""
    answer = ended.client.put(f"/v1/{path}")
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text
    assert ended.get("/v1/closings").json()["items"] == []


def test_a_preview_stores_nothing(ended: House) -> None:
    """It is what closing makes, but for the instant; a month to come has none."""
    preview = ended.get(f"/v1/closings/{MONTH}/preview")
    assert ended.get("/v1/closings").json()["items"] == []
    closed = json.loads(ended.client.put(f"/v1/closings/{MONTH}").text)
    file = json.loads(ended.get(f"/v1/closings/{MONTH}").content)
    assert file["publication"] == preview.json() | {"as_of": closed["as_of"]}
    assert ended.get("/v1/closings/2027-01/preview").status_code == 422


def test_the_database_refuses_a_change(ended: House) -> None:
    """Whoever writes past the service."""
    close(ended, publish=True)
    for table in ("closed_month", "published_month"):
        for sql in (
            f"UPDATE {table} SET at_us = 0",
            f"DELETE FROM {table}",
        ):
            with pytest.raises(Exception, match="a row is never changed"):
                ended.execute(sql)
    assert _faults(ended) == []


def _faults(house: House) -> list[str]:
    store = house.app.state.footprint.store
    rollups.refresh(store)
    with store.read() as connection:
        return list(fsck.check(connection, Checked()))


def test_a_file_that_is_another_is_found(ended: House) -> None:
    """By `footprint fsck`, should somebody have got past the triggers."""
    close(ended)
    on_table = "" if isinstance(ended.database, Path) else " ON closed_month"
    ended.execute(f"DROP TRIGGER closed_month_{'changed' if not on_table else 'kept'}{on_table}")
    file = published_file.read(ended.get(f"/v1/closings/{MONTH}").content)
    changed = msgspec.structs.replace(file.publication, quarantined_pages=7)
    content = published_file.written(published_file.sealed(changed))
    ended.execute("UPDATE closed_month SET publication = ?", zstandard.compress(content))
    assert _faults(ended) == [f"closed month {MONTH}: its row says otherwise than its file"]
    ended.execute("UPDATE closed_month SET publication = ?", zstandard.compress(content[:-9]))
    [fault] = _faults(ended)
    assert fault.startswith(f"closed month {MONTH}: no publication of this house: ")


def two_months(house: House) -> tuple[Publication, bytes]:
    """November, published; December's pages are there, and it has ended."""
    found = close(house, publish=True)
    later = datetime(2026, 12, 10, tzinfo=UTC)
    consumers = {code: energy_uj * 2 for code, energy_uj in CONSUMERS.items()}
    pages = make_ledger(9, consumers=consumers, start=later, host_id="host-2", ledger_id=OTHER)
    house.now = datetime(2026, 12, 11, tzinfo=UTC)
    assert house.post(pages).is_success
    house.now = datetime(2027, 1, 5, tzinfo=UTC)
    return found, house.get(f"/v1/publications/{MONTH}").content


def test_a_month_is_held_against_the_one_before(ended: House) -> None:
    """What has the same members, to the integer; the chain goes on."""
    before, _ = two_months(ended)
    found = close(ended, "2026-12")
    assert (found.number, found.previous) == (
        2,
        ended.get("/v1/closings").json()["items"][0]["hash"],
    )
    compared = found.compared.month_before
    assert compared is not None
    energy_uj = before.total.amount.site_energy_uj
    assert (compared.month, compared.site_energy_uj) == (MONTH, energy_uj)
    assert compared.site_energy_difference_uj == found.total.amount.site_energy_uj - energy_uj
    units = {one.id: one for one in found.units}
    for one in before.units:
        each = units[one.id].compared.month_before
        assert each is not None
        assert each.emissions_ug == one.told.amount.emissions_ug
    assert found.compared.year_before is None
    assert found.restatements == []


def test_a_factor_corrected_afterwards_shows_in_the_next_month(ended: House) -> None:
    """The published month stays as it is, to the byte."""
    before, published = two_months(ended)
    correct(ended, "92.2", "Correction")
    found = close(ended, "2026-12")
    assert ended.get(f"/v1/publications/{MONTH}").content == published
    [one] = found.restatements
    assert (one.month, one.number, one.withheld) == (MONTH, 1, False)
    [cause] = one.causes
    assert (cause.kind, cause.old, cause.new, cause.source) == (
        "factor",
        "46.1 gCO2e/kWh +-10 %",
        "92.2 gCO2e/kWh +-10 %",
        "Correction",
    )
    figures = {(*row.units, row.measure): row for row in one.figures}
    whole = figures["emissions_ug",]
    assert whole.published == before.total.amount.emissions_ug
    assert whole.known is not None
    assert whole.difference == whole.known - (whole.published or 0)
    units = [row for row in one.figures if row.units]
    assert {row.units[0] for row in units} == {one.id for one in before.units}
    assert sum(row.difference or 0 for row in units) == whole.difference
    for unit in before.units:
        assert figures[unit.id, "emissions_ug"].published == unit.told.amount.emissions_ug


def late(house: House, consumers: dict[str, int]) -> None:
    """Pages of November that come after it was closed."""
    pages = make_ledger(3, consumers=consumers, host_id="host-3", ledger_id=LATE)
    assert house.post(pages).is_success


def test_what_only_a_small_one_used_is_not_told_afterwards(ended: House) -> None:
    """The difference would be its use: it is withheld, and said to be."""
    two_months(ended)
    late(ended, {SMALL[0]: 60_000_000})
    [one] = close(ended, "2026-12").restatements
    assert (one.withheld, one.figures) == (True, [])
    assert [(cause.kind, cause.count, cause.id) for cause in one.causes] == [("pages", 1, None)]


def test_a_small_one_s_difference_is_told_with_those_of_others(ended: House) -> None:
    """It stands with everything else that has changed."""
    two_months(ended)
    late(ended, {SMALL[0]: 60_000_000, "chat": 50_000_000, "tri": 40_000_000})
    [one] = close(ended, "2026-12").restatements
    assert not one.withheld
    assert [row.units for row in one.figures if row.units] == []
    assert {row.measure for row in one.figures} >= {"energy_uj", "site_energy_uj"}
    [energy] = [row for row in one.figures if row.measure == "energy_uj"]
    assert energy.difference == 3 * 150_000_000


def test_large_ones_are_restated_by_themselves(ended: House) -> None:
    """And the three small ones together."""
    two_months(ended)
    late(ended, {**dict.fromkeys(SMALL, 60_000_000), "chat": 50_000_000})
    [one] = close(ended, "2026-12").restatements
    told = {tuple(row.units): row.difference for row in one.figures if row.measure == "energy_uj"}
    assert told == {
        (): 3 * 230_000_000,
        ("chat",): 3 * 50_000_000,
        ("+".join(SMALL),): 3 * 180_000_000,
    }


def test_two_who_close_at_once_follow_one_another(ended: House) -> None:
    """Whoever comes second has the hash of the first."""
    two_months(ended)
    january = datetime(2027, 1, 5, tzinfo=UTC)
    assert ended.post(make_ledger(2, start=january, host_id="host-4", ledger_id=LATE)).is_success
    ended.now = datetime(2027, 2, 5, tzinfo=UTC)
    months = (MONTH, "2026-12", "2027-01")
    with ThreadPoolExecutor() as pool:
        assert all(
            answer.is_success
            for answer in pool.map(lambda month: ended.client.put(f"/v1/closings/{month}"), months)
        )
    items = ended.get("/v1/closings").json()["items"]
    assert sorted(item["month"] for item in items) == sorted(months)
    assert [item["number"] for item in items] == [1, 2, 3]
    assert [item["previous"] for item in items] == [None, *(item["hash"] for item in items[:2])]
    assert _faults(ended) == []


def place_of(house: House) -> str:
    """As `--database` names it."""
    found = house.database
    return str(found) if isinstance(found, Path) else found.url


def test_from_the_command_line(
    ended: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Close, publish, check the file without the service; a changed figure is named."""
    database = place_of(ended)
    pages = make_ledger(2, start=datetime(2020, 1, 9, tzinfo=UTC), ledger_id=LATE, host_id="old")
    assert ended.post(pages).is_success
    words = ["close", "--database", database, "--month", "2020-01"]
    assert main(words) == 0
    assert "not published; hash" in capsys.readouterr().out
    assert main([*words, "--publish"]) == 0
    assert "footprint: 2020-01: number 1, closed 20" in capsys.readouterr().out
    assert ended.get("/v1/publications/2020-01").is_success
    close(ended, publish=True)
    path = tmp_path / "published.json"
    content = ended.get(f"/v1/publications/{MONTH}").content
    path.write_bytes(content)
    assert main(["verify", str(path)]) == 0
    hash_ = ended.get("/v1/publications").json()["items"][0]["hash"]
    assert f"as published, and adds up; hash {hash_}" in capsys.readouterr().out
    assert main(["verify", str(path), "--hash", hash_]) == 0
    assert main(["verify", str(path), "--hash", "0" * 64]) == 1
    assert "announced was 000" in capsys.readouterr().err
    energy_uj = str(9 * sum(CONSUMERS.values())).encode()
    path.write_bytes(content.replace(energy_uj, energy_uj[:-1] + b"9", 1))
    assert main(["verify", str(path)]) == 1
    assert "is not what was published" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "none.json")]) == 1
    assert main(["close", "--database", database, "--month", "never"]) == 1
    assert "close: month: 'never' is not a month" in capsys.readouterr().err
