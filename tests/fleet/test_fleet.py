"""A small fleet against the real service: after every fault all agrees, and what was changed behind
the service's back is found and named."""

import re
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from footprint.fleet import command
from footprint.fleet.asking import Service as Asked
from footprint.fleet.crew import MOST_SET_BACKS, Crew
from footprint.fleet.errors import FleetError
from footprint.fleet.faults import FAULTS
from footprint.fleet.plan import Plan
from footprint.fleet.run import Outcome, heal, run, shared_by
from footprint.fleet.sending import Sender
from footprint.fleet.turns import Parcel
from footprint.fleet.wire import address
from footprint.interval import floor_to
from footprint.service import store_rollups
from footprint.service.cli import main
from tests.faults.fleets import Load
from tests.fleet.conftest import NOW, TOKEN, FleetHouse
from tests.running import Service, ended

SMALL = ("--hosts", "3", "--pages", "12", "--start", "2026-11-09T00:00:00Z")
TWO_MONTHS = "2026-10-31T00:00:00Z"
"""Two days from here on are in two months of Paris."""


def last_line(text: str) -> str:
    """What a fleet says in the end."""
    return text.rstrip().splitlines()[-1]


def fault_counts(text: str) -> dict[str, int]:
    """How often each fault was done, as the report has it."""
    names = {fault.name for fault in FAULTS}
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: int(row[2]) for row in rows if row and row[0] in names}


@pytest.mark.parametrize("house", ["sqlite", "postgresql"], indirect=True)
def test_after_every_fault_all_agrees(
    house: FleetHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eight hosts, two days in two months, every fault: the sums are the same, fsck is content."""
    words = ("--hosts", "8", "--days", "2", "--start", TWO_MONTHS, "--batch-pages", "12")
    code = house.fleet(*words, "--faults", "all=0.2")
    said = capsys.readouterr().out
    assert code == 0, said
    assert last_line(said).startswith("all agree: ")
    counts = fault_counts(said)
    assert counts.keys() == {fault.name for fault in FAULTS}
    assert min(counts.values()) > 0, counts
    assert said.count("\n2026-10 ") > 8 < said.count("\n2026-11 ")
    assert main(["fsck", "--database", str(house.database)]) == 0


def test_one_page_at_a_time_agrees_too(
    house: FleetHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """Paced, as at the quarter-hour, with pages of a minute: how long it took is reported."""
    words = ("--page-seconds", "60", "--in-seconds", "0.2", "--connections", "3")
    code = house.fleet(*SMALL, *words, "--faults", "all=0.1")
    said = capsys.readouterr().out
    assert code == 0, said
    assert "from when it was due, one page of each host in 0.2 s" in said


def test_other_hosts_energy_is_not_the_fleets(
    house: FleetHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second fleet on the same service agrees too: what was held before is not its own."""
    assert house.fleet(*SMALL) == 0
    assert house.fleet(*SMALL, "--seed", "2") == 0
    assert capsys.readouterr().out.count("all agree") == 2


def test_the_same_fleet_again_is_refused(
    house: FleetHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its pages are held already: they would be counted as somebody else's."""
    assert house.fleet(*SMALL) == 0
    assert house.fleet(*SMALL) == 1
    assert "--seed 1: the service holds hosts fleet-" in capsys.readouterr().err


TAMPERED = [
    (
        "UPDATE entry SET energy_uj = energy_uj + 1 WHERE host_id = ? AND seq = 5 AND ordinal = 0",
        {"all", "consumer", "component", "quality", "line and quality", "host"},
    ),
    (
        "UPDATE entry SET consumer = '@idle' WHERE host_id = ? AND seq = 5 AND ordinal = 0",
        {"consumer", "line and quality", "host, line and quality"},
    ),
    (
        "UPDATE entry SET quality = 'modelled' WHERE host_id = ? AND seq = 5 AND ordinal = 0",
        {"quality", "line and quality", "host, line and quality"},
    ),
    (
        "UPDATE entry SET part = 'undivided' WHERE host_id = ? AND seq = 5 AND part = 'dynamic'",
        {"line and quality", "host, line and quality"},
    ),
    (
        "DELETE FROM page WHERE host_id = ? AND seq = 5",
        {"host", "accepted of host"},  # its entries are still there to be summed: fsck's to say
    ),
    (
        "UPDATE page SET state = 'quarantined' WHERE host_id = ? AND seq = 5",
        {"quarantined", "accepted of host", "quarantined of host"},
    ),
    ("DELETE FROM gap WHERE host_id = ?", {"gap"}),
    ("UPDATE node SET energy_uj = energy_uj - 1 WHERE host_id = ? AND seq = 5", {"node meter"}),
    ("UPDATE ledger_head SET seq = seq - 1 WHERE host_id = ?", {"head of ledger"}),
    (f"UPDATE ledger_head SET hash = '{'0' * 64}' WHERE host_id = ?", {"head of ledger"}),
    ("DELETE FROM ledger_head WHERE host_id = ?", {"head of ledger", "host"}),
]


@pytest.mark.parametrize(("sql", "found"), TAMPERED, ids=[sql[:40] for sql, _ in TAMPERED])
def test_what_was_changed_by_hand_is_found_and_named(
    house: FleetHouse, sql: str, found: set[str]
) -> None:
    """Each comparison can fail: one row changed in the database shows where it has to."""
    plan = command.plan_of(house.options(*SMALL, "--faults", "restart=1"), NOW)
    to = address(house.address, TOKEN)
    asked = Asked(to)
    before = {"2026-11": asked.month("2026-11")}
    outcome = run(plan, to, lambda _pages, _entries: None)
    rows, _ = command.compared(asked, plan, outcome, before)
    assert [row.different for row in rows if row.different] == []
    house.execute(sql, plan.host_id(0))
    with house.app.state.footprint.store.write_rollups() as connection:
        store_rollups.mark_everything(connection)  # a statement reads what was summed before
    rows, _ = command.compared(asked, plan, outcome, before)
    asked.close()
    differing = {row.of: row.different for row in rows if row.different}
    assert found <= differing.keys()
    for of in found & {"host", "host, line and quality", "head of ledger", "accepted of host"}:
        assert all(plan.host_id(0) in line for line in differing[of])
        assert len(differing[of]) <= 40


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_has_seen_enough_ends_the_sending_and_what_was_sent_is_compared(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Faults meanwhile; hosts end their turns, and what the plan still had is said."""
    service = Service(tmp_path)
    with ended(service):
        words = ("--pages", "6000", "--in-seconds", "0.1", "--faults", "all=0.1")
        load = Load(tmp_path, service.url, 5, *words)
        try:
            load.wait_until_it_sends(service)
            load.enough(number)
            agreed_uj = load.agreed_uj()
        finally:
            load.end()
        assert agreed_uj > 0
        assert re.search(r"ended early: \d+ of 48000 pages were not sent", load.said())


@pytest.mark.slow
def test_a_service_set_back_to_a_backup_gets_again_what_it_lost(tmp_path: Path) -> None:
    """It acknowledged pages and lost them: they are sent again, with every fault between, and the
    sums agree."""
    plan = Plan(
        seed=3,
        hosts=5,
        start=floor_to(datetime.now(UTC), 900) - timedelta(days=1),
        pages=30,
        batch_pages=8,
        rates=dict.fromkeys(("clone", "set-back", "new-ledger", "duplicated", "reordered"), 0.3),
        set_back=True,
    )
    service = Service(tmp_path)
    to = address(service.url, None)
    asked, shared = Asked(to), shared_by(plan)
    months = {slot.month for slot in shared.slots}
    before = {month: asked.month(month) for month in months}
    crew = Crew(shared, range(plan.hosts), Sender(to, 60))
    with ended(service):
        crew.round(0)
        with closing(sqlite3.connect(service.database)) as connection:
            connection.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
        crew.round(1)
        crew.round(2)
        assert service.terminate() == 0
    (tmp_path / "backup.db").replace(service.database)
    again = Service(tmp_path, listen=service.address)
    with ended(again):
        for round_number in range(3, shared.rounds + 1):
            crew.round(round_number)
        heal(plan, to, [crew])
        tally = crew.sender.tally
        rows, _ = command.compared(asked, plan, Outcome(crew.books, tally, 1.0), before)
        asked.close()
        crew.sender.close()
    assert [line for row in rows for line in row.different] == []
    assert tally.findings == []
    assert tally.troubles["set back"] >= plan.hosts


def forget(house: FleetHouse, host_id: str) -> None:
    """The service loses all pages of a host."""
    for table in ("ledger_head", "page", "entry", "gap", "sensor", "node"):
        house.execute(f"DELETE FROM {table} WHERE host_id = ?", host_id)


@pytest.mark.parametrize("times", [1, MOST_SET_BACKS])
def test_a_service_set_back_while_pages_are_sent_again(
    house: FleetHouse, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """They are sent again from the start; not for ever."""
    plan = command.plan_of(house.options(*SMALL, "--batch-pages", "2", "--set-back"), NOW)
    crew = Crew(shared_by(plan), range(plan.hosts), Sender(address(house.address, TOKEN), 60))
    for round_number in range(3):
        crew.round(round_number)
    forget(house, plan.host_id(1))
    deliver, lost = crew.sender.deliver, []

    def losing(
        parcel: Parcel, fault: str, due: float | None = None, *, again: bool = False
    ) -> None:
        if again and parcel.first_seq and len(lost) < times:
            lost.append(parcel)
            forget(house, plan.host_id(1))
        deliver(parcel, fault, due, again=again)

    monkeypatch.setattr(crew.sender, "deliver", losing)
    if times < MOST_SET_BACKS:
        crew.round(3)
        assert sum(plan.host_id(1) in row for row in house.content()["page"]) == 8
    else:
        with pytest.raises(FleetError, match=r"lost pages of host .* 10 times"):
            crew.round(3)
    assert len(lost) == times
    crew.sender.close()


def test_a_service_that_loses_what_it_acknowledged_is_found(house: FleetHouse) -> None:
    """Without --set-back it is no excuse that the pages can be sent again."""
    plan = command.plan_of(house.options(*SMALL, "--batch-pages", "4"), NOW)
    shared = shared_by(plan)
    crew = Crew(shared, range(plan.hosts), Sender(address(house.address, TOKEN), 60))
    crew.round(0)
    forget(house, plan.host_id(1))
    crew.round(1)
    crew.sender.close()
    assert crew.sender.tally.findings == [
        f"host {plan.host_id(1)}: the service lost pages that it had acknowledged; sent again "
        "(--set-back, where that is meant)"
    ]
