"""Totals by site: a host's energy is where it stood, also when that is known later or otherwise."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from footprint.interval import paris_midnight, to_us
from footprint.ledger import Page
from footprint.service import reports, rollups, store_places, store_rollups, subjects
from footprint.service.cli import main
from footprint.service.register import Site, SiteHost
from tests.pages import Sealed, make_ledger
from tests.service.house import House

MIDNIGHT = datetime(2026, 11, 8, 23, tzinfo=UTC)  # of 2026-11-09 in Paris
PAGE_UJ = 600_000_000


def pages(number: int = 1) -> list[Sealed[Page]]:
    """Two hours around midnight in Paris."""
    return make_ledger(
        8,
        start=MIDNIGHT - timedelta(hours=1),
        host_id=f"host-{number}",
        ledger_id=f"00000000-0000-4000-8000-{number:012}",
        consumers={"chat": PAGE_UJ},
    )


def by_site(house: House, table: str = "quarter_total") -> dict[str, int]:
    """Energy in microjoules by site, and no quarter-hour where its host did not stand."""
    rollups.refresh(house.app.state.footprint.store)
    found: Counter[str] = Counter()
    for row in house.content()[table]:
        found[row[5]] += row[6] * 1_000_000 + row[7]
    return dict(found)


def marked(house: House) -> set[int]:
    """Days that wait to be summed."""
    with house.app.state.footprint.store.read() as connection:
        return store_rollups.marked_days(connection)


def put(house: House, code: str, *stays: dict[str, Any]) -> None:
    answer = house.put(f"/v1/sites/{code}", {"name": code, "hosts": list(stays)})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("table", ["quarter_total", "day_total"])
def test_energy_is_where_its_host_stands(house: House, table: str) -> None:
    put(house, "a", {"host": "host-1"})
    house.post(pages())
    house.post(pages(2))
    assert by_site(house, table) == {"a": 8 * PAGE_UJ, "": 8 * PAGE_UJ}


def test_a_host_moves_at_midnight_in_paris(house: House) -> None:
    put(house, "a", {"host": "host-1", "to": "2026-11-09"})
    put(house, "b", {"host": "host-1", "from": "2026-11-09"})
    house.post(pages())
    assert by_site(house) == {"a": 4 * PAGE_UJ, "b": 4 * PAGE_UJ}


def test_where_it_stood_is_known_later(house: House) -> None:
    """Days that were summed are summed again; of a site that says nothing of itself a statement
    says what it said before, but for its name."""
    house.post(pages())
    assert by_site(house) == {"": 8 * PAGE_UJ}
    before = house.get("/v1/statements/2026-11").json()
    put(house, "a", {"host": "host-1", "from": "2026-11-09"})
    assert by_site(house) == {"": 4 * PAGE_UJ, "a": 4 * PAGE_UJ}
    put(house, "a")
    put(house, "b", {"host": "host-1", "to": "2026-11-09"})
    assert by_site(house) == by_site(house, "day_total") == {"": 4 * PAGE_UJ, "b": 4 * PAGE_UJ}
    after = house.get("/v1/statements/2026-11").json()
    for name in ("energy_uj", "emissions_ug", "site_energy_uj"):
        assert after["total"][name] == before["total"][name]
    assert [one["site"] for one in after["sites"]] == [None, "b"]


def test_only_days_that_a_change_moves_are_summed_again(house: House) -> None:
    house.post(pages())
    by_site(house)
    put(house, "a", {"host": "host-1", "from": "2026-11-09"})
    assert marked(house) == {to_us(MIDNIGHT)}
    by_site(house)
    put(house, "a", {"host": "host-1", "from": "2026-11-09"})
    house.put("/v1/sites/a", {"name": "Other", "hosts": [{"host": "host-1", "from": "2026-11-09"}]})
    assert marked(house) == set()


def test_statements_say_the_same_from_pages_and_from_rollups(house: House) -> None:
    """Also where hosts of several sites stand behind one line."""
    put(house, "a", {"host": "host-1", "to": "2026-11-09"})
    put(house, "b", {"host": "host-1", "from": "2026-11-09"}, {"host": "host-2"})
    for number in (1, 2, 3):
        house.post(pages(number))
    rollups.refresh(house.app.state.footprint.store)
    with house.app.state.footprint.store.read() as connection:
        both = [
            reports.statement(connection, subjects.Asked("2026-11"), "FR", house.now, rolled=rolled)
            for rolled in (True, False)
        ]
    assert both[0].lines == both[1].lines
    assert both[0].total.energy_uj == 24 * PAGE_UJ


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_fsck_finds_and_mends_where_hosts_stand(house: House, capsys) -> None:
    put(house, "a", {"host": "host-1"})
    house.post(pages())
    assert by_site(house) == {"a": 8 * PAGE_UJ}
    house.execute("UPDATE host_site SET site = 'b'")
    database = ["--database", str(house.database)]
    assert main(["fsck", *database]) == 1
    assert "rollup host_site: not where the register's sites are" in capsys.readouterr().err
    assert main(["fsck", "--repair", *database]) == 0
    assert by_site(house) == {"a": 8 * PAGE_UJ}


def test_stays_are_paris_days() -> None:
    day = datetime(2026, 3, 29, tzinfo=UTC).date()
    sites = [
        Site(code="a", name="A", hosts=[SiteHost(host="h", to=day)]),
        Site(code="b", name="B", hosts=[SiteHost(host="h", from_=day)]),
    ]
    at_us = to_us(paris_midnight(day))
    assert store_places.stays(sites) == [
        ("h", store_places.EVER_US, at_us, "a"),
        ("h", at_us, store_places.NEVER_US, "b"),
    ]
