"""Rollups: what is read where it was summed is what summing every page again gives."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from footprint.figures import DeviceCover
from footprint.interval import QUARTER_HOUR_SECONDS, Interval, from_us, paris_midnight, to_us
from footprint.ledger import GapRecord, Page
from footprint.service import covers, reports, rollups, store_rollups, subjects
from footprint.service.cli import main
from footprint.service.store import Store
from footprint.service.store_facts import Window
from footprint.statement import Statement
from tests.pages import Sealed, chain, make_ledger, make_page
from tests.service.house import House, content
from tests.service.older import as_of

ASKED = (
    subjects.Asked("2026-11"),
    subjects.Asked("2026-10"),
    subjects.Asked("2026-11", sia="chat"),
    subjects.Asked("2026-11", sia="tri"),
    subjects.Asked("2026-11", project="p"),
)
DEVICES = (("cpu", "package-0"), ("dram", "memory-0"), ("gpu", "GPU-1"), ("gpu", "GPU-2"))


@pytest.fixture
def house(house: House) -> House:
    """A service that knows a project and its SIA."""
    house.put("/v1/directorates/d", {"name": "D"})
    house.put("/v1/projects/p", {"name": "P", "directorate": "d"})
    share = {"project": "p", "permille": 1000, "from": "2026-11-05"}
    for code, shares in (("chat", [share]), ("tri", [])):
        assert house.put(f"/v1/sia/{code}", {"name": code, "shares": shares}).is_success
    return house


def statement(house: House, asked: subjects.Asked, *, rolled: bool) -> Statement:
    """A statement as of now, by the one way or the other."""
    store = house.app.state.footprint.store
    with rollups.figures(store) if rolled else store.read() as connection:
        return reports.statement(connection, asked, "FR", house.now, rolled=rolled)


def both(house: House) -> None:
    """Both ways agree in everything that a statement says."""
    for asked in ASKED:
        assert statement(house, asked, rolled=True) == statement(house, asked, rolled=False)


def pages_of(random: Random, host_id: str) -> Iterator[Page]:
    """A host's pages of some days around the change of the month and of the hour: holes, short
    pages, gaps with and without a sensor state, devices that come, another quality or power."""
    at_us = to_us(datetime(2026, 10, 24, tzinfo=UTC)) + random.randrange(96 * 12) * 900_000_000
    component, device = random.choice(DEVICES)
    ends_us = to_us(datetime(2026, 11, 10, 12, tzinfo=UTC))
    for _ in range(random.randrange(1, 12)):
        seconds = 450 if at_us % (QUARTER_HOUR_SECONDS * 1_000_000) else random.choice((900, 450))
        if at_us + 900_000_000 > ends_us:
            return
        start = from_us(at_us)
        gaps = [
            gap
            for name in ((component, device), ("gpu", "GPU-3"))
            for gap in _gaps(random, start, seconds, name)
        ]
        yield make_page(
            start=start,
            seconds=seconds,
            host_id=host_id,
            component=component,
            device=device,
            quality=random.choice(("counter", "integrated")),
            rated_power_uw=random.choice((None, None, 250_000_000, 700_000_000)),
            consumers={
                name: random.randrange(10**11)
                for name in random.sample(("chat", "tri", "@system", "@idle"), 2)
            },
            gaps=gaps,
        )
        at_us += random.choice((seconds, 900, 900, 1800, 40 * 900)) * 1_000_000
        at_us += -at_us % (QUARTER_HOUR_SECONDS * 500_000)


def _gaps(random: Random, start: datetime, seconds: int, device: Any) -> Iterator[GapRecord]:
    for _ in range(random.choice((0, 0, 1, 2))):
        first, last = sorted(random.sample(range(seconds), 2))
        yield GapRecord(
            kind=random.choice(("gap", "blind")),
            component=device[0],
            device=device[1],
            start=start + timedelta(seconds=first),
            end=start + timedelta(seconds=last),
            cause=random.choice(("stuck", "read_failed")),
        )


@pytest.mark.parametrize("seed", range(3))
def test_rollups_say_what_every_page_says(house: House, seed: int) -> None:
    """Whatever comes, in whatever order, summed in between or not: month, project, SIA."""
    random = Random(seed)
    for step in range(14):
        pages = list(chain(pages_of(random, f"host-{step}")))
        half = random.randrange(len(pages) + 1)
        house.post(pages[:half])
        if random.random() < 0.5:
            rollups.refresh(house.app.state.footprint.store)
        assert house.post(pages).json()["quarantined"] == 0
        if random.random() < 0.3:
            both(house)
    both(house)
    days_as_one_by_one(house)


def days_as_one_by_one(house: House) -> None:
    """The covers of many days, asked together, are those of each day: also of a day of 25 hours,
    of one without pages, of some hosts, and of a window that begins later than the devices."""
    first, last = date(2026, 10, 23), date(2026, 11, 9)
    with rollups.figures(house.app.state.footprint.store) as connection:
        for hosts in (None, ("host-2", "host-5", "host-7"), ("host-of-nobody",)):
            for begin in (first, date(2026, 11, 3)):
                days = [begin + timedelta(days=n) for n in range((last - begin).days + 1)]
                starts = [paris_midnight(day) for day in (*days, last + timedelta(days=1))]
                whole = Window(Interval(starts[0], starts[-1]), to_us(house.now), hosts, True)
                together = covers.of_days(connection, whole, [to_us(one) for one in starts[:-1]])
                alone = [
                    covers.gather(
                        connection,
                        msgspec.structs.replace(whole, interval=Interval(*ends)),
                        house.now,
                    ).devices
                    for ends in pairwise(starts)
                ]
                assert [cover_sums(day) for day in together] == [cover_sums(day) for day in alone]
                assert (hosts == ("host-of-nobody",)) != any(map(cover_sums, together))


def cover_sums(devices: Sequence[DeviceCover]) -> list[DeviceCover]:
    """What was expected, in an order; what was not does not count."""
    return sorted(
        (one for one in devices if one.expected_us),
        key=lambda one: (one.component, one.rated_power_uw or 0),
    )


def marks(house: House) -> list[Any]:
    """What has to be summed again."""
    return content(house.database)["rollup_mark"]


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 10, 31, 22, 58, tzinfo=UTC),  # November of Paris has not begun
        datetime(2026, 10, 31, 23, 4, 30, tzinfo=UTC),  # it has, and no quarter-hour of it is over
        datetime(2026, 11, 1, 0, 7, tzinfo=UTC),
        datetime(2026, 11, 30, 23, 4, tzinfo=UTC),  # it is over
    ],
)
def test_short_pages_and_clocks_ahead_count_as_far_as_they_may(house: House, now: datetime) -> None:
    """Hosts that told of the quarter-hour that is not over yet, one of them with a clock ten
    minutes ahead, one that is silent, and one that began just now."""
    house.now = now
    begin = now.replace(second=0) - timedelta(hours=1)
    for number, (first, last) in enumerate([(0, 60), (0, 70), (0, 20), (58, 60), (61, 70)]):
        pages = make_ledger(
            last - first,
            start=begin + timedelta(minutes=first),
            seconds=60,
            host_id=f"host-{number}",
            ledger_id=f"00000000-0000-4000-8000-{number:012}",
            rated_power_uw=100_000_000,
        )
        assert house.post(pages).json()["accepted"] == last - first
    for asked in ASKED[:2]:
        assert statement(house, asked, rolled=True) == statement(house, asked, rolled=False)


def test_a_page_marks_its_day_and_a_repeated_one_does_not(house: House) -> None:
    """In the transaction that stores it; the mark is gone when the day is summed."""
    pages = make_ledger(4)
    house.post(pages)
    assert len(marks(house)) == 1
    assert rollups.refresh(house.app.state.footprint.store) == 1
    assert marks(house) == []
    house.post(pages)
    assert marks(house) == []
    assert rollups.refresh(house.app.state.footprint.store) == 0


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)  # elsewhere one writes at a time
def test_what_comes_while_a_day_is_summed_stays_marked(house: House) -> None:
    """A mark that was written after the state that was summed is not taken away."""
    store = house.app.state.footprint.store
    pages = make_ledger(4)
    house.post(pages[:2])
    with store.write_rollups() as connection:
        day_us = store_rollups.marked_day(connection)
        house.post(pages)
        store_rollups.sum_day(connection, day_us)
    assert len(marks(house)) == 1
    both(house)
    assert marks(house) == []


def test_rollups_do_not_grow_with_hosts(house: House) -> None:
    """Forty hosts have as many quarter-hours and days as one."""

    def count() -> tuple[int, int]:
        rollups.refresh(house.app.state.footprint.store)
        held = house.content()
        return len(held["quarter_total"]), len(held["day_total"])

    house.post(make_ledger(4))
    alone = count()
    for number in range(2, 42):
        house.post(make_ledger(4, host_id=f"host-{number}", ledger_id=_ledger(number)))
    assert count() == alone


def _ledger(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def test_late_pages_of_last_month_count(house: House) -> None:
    """A month that was summed is summed again when pages of it come."""
    october = make_ledger(8, start=datetime(2026, 10, 30, 9, tzinfo=UTC))
    house.post(october[:4])
    before = statement(house, subjects.Asked("2026-10"), rolled=True).total.energy_uj
    house.post(october)
    assert statement(house, subjects.Asked("2026-10"), rolled=True).total.energy_uj == 2 * before


def test_energy_beyond_what_a_column_holds_is_summed_exactly(house: House) -> None:
    """Pages of 2.5 MWh each: 2^63 microjoules are less than 1,100 of them."""
    most_uj = 2**53 - 1
    pages: list[Sealed[Page]] = []
    for number in range(30):
        pages += make_ledger(
            40,
            start=datetime(2026, 11, 9, 0, tzinfo=UTC),
            host_id=f"host-{number}",
            ledger_id=_ledger(number),
            consumers={"chat": most_uj},
        )
    house.post(pages[:600])
    house.post(pages[600:])
    found = statement(house, subjects.Asked("2026-11"), rolled=True)
    assert found.total.energy_uj == 1200 * most_uj > 2**63
    both(house)


CHANGES = [
    "UPDATE quarter_total SET energy_j = energy_j + 1",
    "DELETE FROM quarter_total",
    "UPDATE day_total SET rest_uj = rest_uj + 1",
    "DELETE FROM day_total WHERE consumer = 'chat-demo'",
    "UPDATE day_cover SET lost_us = lost_us + 1",
    "INSERT INTO day_gap VALUES (0, 'gap', 'cpu', 'stuck', 1)",
    "UPDATE host_day_cover SET paged_us = 0 WHERE host_id = 'host-1'",
    "DELETE FROM host_day_use WHERE consumer = '@system'",
    "INSERT INTO host_day_gap VALUES ('host-9', 1794268800000000, 'gap', 'cpu', 'stuck', 1)",
    "UPDATE entry SET energy_uj = energy_uj + 1 WHERE seq = 2",
    "DELETE FROM entry WHERE seq = 1",
    "UPDATE sensor SET metered_uj = 0",
    "UPDATE device SET rated_power_uw = 1",
    "UPDATE host_site SET site = 'b'",
    "DELETE FROM host_site",
    "UPDATE quarter_total SET site = 'b'",
    "UPDATE day_total SET site = ''",
    "DELETE FROM device",
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_found_and_made_anew(house: House, capsys, change: str) -> None:
    """fsck finds a changed rollup, entry or device; with --repair everything is as it was."""
    house.put("/v1/sites/a", {"name": "A", "hosts": [{"host": "host-1"}, {"host": "host-2"}]})
    house.post(make_ledger(4, rated_power_uw=5))
    house.post(make_ledger(3, host_id="host-2", ledger_id=_ledger(2)))
    rollups.refresh(house.app.state.footprint.store)
    before = house.content()
    database = ["--database", str(house.database)]
    assert main(["fsck", *database]) == 0
    house.execute(change)
    assert main(["fsck", *database]) == 1
    assert main(["fsck", "--repair", *database]) == 0
    after = house.content()
    assert after == before
    assert "made anew: " in capsys.readouterr().out


def test_two_pages_that_count_the_same_time_are_found(house: House, capsys) -> None:
    """Also where somebody called a quarantined page accepted."""
    house.post(make_ledger(4))
    house.post(make_ledger(4, ledger_id=_ledger(9)))
    house.execute("UPDATE page SET state = 'accepted', filed_us = start_us")
    assert main(["fsck", "--database", str(house.database)]) == 1
    words = "page 0 counts time that another page counts"
    assert f"ledger {_ledger(9)}: {words}" in capsys.readouterr().err


def test_a_database_of_before_is_summed_whole(tmp_path: Path) -> None:
    """The migration marks every day that is held."""
    newer, older = tmp_path / "newer.db", tmp_path / "older.db"
    now = datetime(2026, 11, 10, 12, tzinfo=UTC)
    with House(newer, now) as house:
        house.post(make_ledger(12, start=datetime(2026, 11, 9, 21, 30, tzinfo=UTC)))
        house.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    as_of("0003", newer, older)
    with House(older, now) as house:
        assert len({mark[1] for mark in marks(house)}) == 2
        asked = subjects.Asked("2026-11")
        whole = statement(house, asked, rolled=True)
        assert whole == statement(house, asked, rolled=False)
        assert whole.total.energy_uj == 12 * 1_000_000_001


def test_a_refresher_that_sums_for_long_rests_for_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large backlog is not summed again and again while it comes in."""
    waits: list[float] = []

    class Stop:
        def wait(self, seconds: float) -> bool:
            waits.append(seconds)
            return len(waits) > 2

    monkeypatch.setattr(rollups, "refresh", lambda _store: time.sleep(0.05))
    refresher = rollups.Refresher(Store(tmp_path / "f.db"), pause_seconds=0.01)
    refresher._stop = Stop()
    refresher._run()
    assert waits[0] == 0.01
    assert min(waits[1:]) >= rollups.REST * 0.05
