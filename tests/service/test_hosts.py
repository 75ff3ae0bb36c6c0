"""`GET /v1/hosts`: a month host by host, in pieces, adding up to the statement."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from tests.pages import chain, make_ledger, make_page
from tests.service.house import House

SECOND = "00000000-0000-4000-8000-000000000002"


def items(house: House, month: str, limit: int = 100) -> list[dict]:
    """Every host of a month, `limit` at a time."""
    found, cursor = [], ""
    while cursor is not None:
        answer = house.get(f"/v1/hosts?month={month}&limit={limit}&cursor={cursor}").json()
        assert len(answer["items"]) <= limit
        found += answer["items"]
        cursor = answer["next"]
    return found


def test_hosts_add_up_to_the_statement(house: House) -> None:
    """By consumer, component and quality; pages that count and pages that do not."""
    house.post(make_ledger(4, host_id="host-b"))
    house.post(make_ledger(3, host_id="host-a", component="gpu", quality="integrated"))
    house.post(make_ledger(2, host_id="host-a", ledger_id=SECOND))
    found = items(house, "2026-11")
    assert [host["host_id"] for host in found] == ["host-a", "host-b"]
    assert [host["accepted_pages"] for host in found] == [3, 4]
    assert [host["quarantined_pages"] for host in found] == [2, 0]
    sums: Counter[str] = Counter()
    for host in found:
        for energy in host["energies"]:
            sums[energy["consumer"]] += energy["energy_uj"]
    statement = house.get("/v1/statements/2026-11").json()
    assert sums == {one["consumer"]: one["figure"]["energy_uj"] for one in statement["consumers"]}
    assert {energy["quality"] for energy in found[0]["energies"]} == {"integrated"}


def test_hosts_come_in_pieces_and_in_order(house: House) -> None:
    """`next` leads to the following ones; a month without pages has hosts with nothing."""
    for number in range(5):
        house.post(make_ledger(1, host_id=f"host-{number}"))
    whole = items(house, "2026-11")
    assert items(house, "2026-11", limit=2) == whole
    assert [host["accepted_pages"] for host in items(house, "2026-10")] == [0] * 5


def test_a_month_begins_and_ends_in_paris(house: House) -> None:
    """The page before midnight of Paris is October's."""
    midnight = datetime(2026, 10, 31, 23, tzinfo=UTC)
    house.post(
        chain([make_page(start=midnight - timedelta(minutes=15)), make_page(start=midnight)])
    )
    assert [items(house, month)[0]["accepted_pages"] for month in ("2026-10", "2026-11")] == [1, 1]


def test_questions_that_cannot_be_answered_are_said(house: House) -> None:
    """A month that is none, a limit that is too large."""
    answer = house.get("/v1/hosts?month=November")
    assert answer.status_code == 400
    assert "write YYYY-MM" in answer.json()["detail"]
    assert house.get("/v1/hosts?month=2026-11&limit=1001").status_code == 400
    assert house.get("/v1/hosts").status_code == 400
