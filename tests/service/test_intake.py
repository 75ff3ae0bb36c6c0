"""Requests share transactions, and nothing else."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from footprint.interval import to_us
from footprint.ledger import Page
from footprint.service import batches, damage, store_bulk, tables
from footprint.service.ingest import Outcome
from footprint.service.intake import MOST_PAGES, Intake
from footprint.service.kinds import ENERGY
from footprint.service.place import Place
from footprint.service.problems import Problem
from footprint.service.store import Store, open_store
from footprint.service.store_chains import dated
from footprint.service.store_pages import entry_rows
from tests.pages import LEDGER, START, Sealed, batch, make_ledger
from tests.service.conftest import FIRST_START, NOW

Answer = Outcome[Page] | BaseException


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty database."""
    place: Place = tmp_path / "footprint.db"
    if request.param == "postgresql":
        place = request.getfixturevalue("postgres").migrated(FIRST_START)
    opened = open_store(place, create=True, migrate=True, now=FIRST_START)
    opened.make_months([to_us(START), to_us(NOW)])
    yield opened
    opened.close()


@pytest.fixture
def intake(store: Store) -> Iterator[Intake]:
    """One that has not begun; it ends with the test."""
    made = Intake(store, lambda: NOW)
    yield made
    if made._thread.is_alive():
        made.stop()


def ask(intake: Intake, *pages: Sealed[Page]) -> "Future[Outcome[Page]]":
    """Hand pages over as a request does."""
    return intake.take(ENERGY, batches.opened(batch(pages), ENERGY, set()))


def of_host(number: int, count: int = 1) -> list[Sealed[Page]]:
    """Pages of a host of its own."""
    return make_ledger(
        count, host_id=f"host-{number}", ledger_id=f"00000000-0000-4000-8000-{number:012}"
    )


def held(store: Store) -> list[tuple[str, int]]:
    """Host and number of every page held."""
    with store.read() as connection:
        query = "SELECT host_id, seq FROM page ORDER BY host_id, seq"
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def answered(
    store: Store, intake: Intake, *waiting: "Future[Outcome[Page]]"
) -> tuple[list[Answer], int]:
    """What becomes of requests that all waited, and in how many transactions."""
    commits: list[object] = []
    event.listen(store._engine, "commit", commits.append)
    intake.start()
    answers = [future.exception(60) or future.result() for future in waiting]
    return answers, len(commits)


def test_requests_that_wait_are_stored_in_one_transaction(store: Store, intake: Intake) -> None:
    """Each gets the answer of its own pages."""
    waiting = [ask(intake, *of_host(number, 1 + number % 3)) for number in range(20)]
    outcomes, transactions = answered(store, intake, *waiting)
    assert transactions == 1
    for number, outcome in enumerate(outcomes):
        assert isinstance(outcome, Outcome)
        assert [(one.host_id, one.seq) for one in outcome.heads] == [(f"host-{number}", number % 3)]
        assert len(outcome.taken) == 1 + number % 3
    assert len(held(store)) == sum(1 + number % 3 for number in range(20))


def test_a_refused_request_takes_nobody_with_it(store: Store, intake: Intake) -> None:
    """Of its own pages nothing is kept, not even of the ledger that was right; its neighbours
    are stored."""
    good, right, hole, last = of_host(1), of_host(2), of_host(3, 3)[2:], of_host(4)
    waiting = [ask(intake, *good), ask(intake, *right, *hole), ask(intake, *last)]
    (first, refused, third), transactions = answered(store, intake, *waiting)
    assert isinstance(first, Outcome)
    assert isinstance(refused, Problem)
    assert refused.kind == "chain-hole"
    assert isinstance(third, Outcome)
    assert transactions == 1
    assert held(store) == [("host-1", 0), ("host-4", 0)]


def test_requests_of_one_host_keep_their_order(store: Store, intake: Intake) -> None:
    """One after the other: the next page would not fit otherwise; others need not wait for it."""
    pages = of_host(1, 6)
    waiting = [ask(intake, page) for page in pages]
    waiting += [ask(intake, *of_host(number)) for number in range(2, 8)]
    outcomes, transactions = answered(store, intake, *waiting)
    assert all(isinstance(outcome, Outcome) for outcome in outcomes)
    assert transactions == len(pages)
    assert held(store)[:6] == [("host-1", seq) for seq in range(6)]


def test_requests_that_count_one_gpu_do_not_go_together(store: Store, intake: Intake) -> None:
    """A board is counted by one host at a time, whoever else waits beside it."""
    board = "GPU-00000000-0000-4000-8000-000000000001"
    waiting = [
        ask(
            intake,
            *make_ledger(1, host_id=host_id, component="gpu", device=board, ledger_id=LEDGER),
        )
        for host_id in ("host-1", "host-2")
    ]
    (first, second), transactions = answered(store, intake, *waiting)
    assert isinstance(first, Outcome)
    assert isinstance(second, Outcome)
    assert transactions == 2
    assert "was counted by host host-1" in second.taken[0].reason


def test_a_long_backlog_goes_alone(store: Store, intake: Intake) -> None:
    """Whoever sends a page does not wait for weeks of another one's."""
    backlog = make_ledger(MOST_PAGES, start=START - timedelta(days=20))
    waiting = [ask(intake, *backlog), ask(intake, *of_host(2)), ask(intake, *of_host(3))]
    outcomes, transactions = answered(store, intake, *waiting)
    assert all(isinstance(outcome, Outcome) for outcome in outcomes)
    # On PostgreSQL one makes the month that the backlog begins in.
    assert transactions in (2, 3)


def test_what_the_database_refuses_of_one_is_not_everybodys(store: Store, intake: Intake) -> None:
    """A row that cannot be stored, here because its key is taken: the others are stored."""
    entries = tables.table(tables.Entry)
    with store.write_pages((), [to_us(START)]) as connection:
        store_bulk.insert(connection, entries, entry_rows(dated(of_host(2)[0].page)))
    waiting = [ask(intake, *of_host(number)) for number in range(1, 4)]
    (first, refused, third), _ = answered(store, intake, *waiting)
    assert isinstance(first, Outcome)
    assert type(refused).__name__ == "IntegrityError"
    assert isinstance(third, Outcome)
    assert held(store) == [("host-1", 0), ("host-3", 0)]


def test_a_database_that_fails_is_everybodys_error(store: Store, intake: Intake) -> None:
    """Nothing is said to be stored that is not."""
    with store.write() as connection:
        connection.exec_driver_sql("ALTER TABLE ledger_head RENAME TO away")
    waiting = [ask(intake, *of_host(number)) for number in range(3)]
    errors, _ = answered(store, intake, *waiting)
    assert all(isinstance(error, damage.OF_SQLITE) for error in errors)
    assert held(store) == []


def test_nobody_waits_any_more(store: Store, intake: Intake) -> None:
    """A request that was given up before its turn is not stored; the next one is."""
    gone, stays = ask(intake, *of_host(1)), ask(intake, *of_host(2))
    assert gone.cancel()
    answered(store, intake, stays)
    assert held(store) == [("host-2", 0)]


def test_what_waits_at_the_end_is_stored(store: Store, intake: Intake) -> None:
    """A service that is told to stop keeps what it took."""
    waiting = [ask(intake, *of_host(number)) for number in range(5)]
    intake.start()
    intake.stop()
    assert all(future.done() for future in waiting)
    assert len(held(store)) == 5
    with pytest.raises(RuntimeError, match="has ended"):
        ask(intake, *of_host(9))


def test_from_many_threads_each_page_once(store: Store, intake: Intake) -> None:
    """Sixteen threads, two hundred hosts, three pages each, one after another."""
    intake.start()

    def send(number: int) -> list[int]:
        return [len(ask(intake, page).result(60).taken) for page in of_host(number, 3)]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(send, range(200))) == [[1, 1, 1]] * 200
    assert len(held(store)) == 600
