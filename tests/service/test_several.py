"""Several services on one PostgreSQL database: they take turns where they must, and nothing counts
twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from footprint.service import rollups
from footprint.service.cli import main
from tests.pages import CONSUMERS, make_ledger
from tests.postgres import Postgres
from tests.service.conftest import FIRST_START, NOW
from tests.service.house import House

PAGE_UJ = sum(CONSUMERS.values())


@pytest.fixture
def houses(postgres: Postgres) -> Iterator[tuple[House, House]]:
    """Two services behind one address, as it were."""
    place = postgres.migrated(FIRST_START)
    with House(place, FIRST_START) as one, House(place, FIRST_START) as other:
        one.now = other.now = NOW
        yield one, other


def total_uj(house: House) -> int:
    """What the month's statement says."""
    found: int = house.get("/v1/statements/2026-11").json()["total"]["energy_uj"]
    return found


def test_the_same_pages_through_both_count_once(houses: tuple[House, House]) -> None:
    """Twelve hosts whose batches come through either, again and again, while both sum."""
    random = Random(1)
    ledgers = [
        make_ledger(8, host_id=f"host-{number}", ledger_id=f"00000000-0000-4000-8000-{number:012}")
        for number in range(12)
    ]
    batches = [pages[: random.randrange(1, 9)] for pages in ledgers for _ in range(6)] + ledgers
    random.shuffle(batches)

    def send(number: int) -> int:
        house = houses[number % 2]
        if number % 5 == 0:
            rollups.refresh(house.app.state.footprint.store)
        return house.post(batches[number]).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(len(batches)))) == {200}
    for house in houses:
        assert total_uj(house) == 12 * 8 * PAGE_UJ
    assert main(["fsck", "--database", str(houses[0].database)]) == 0


def test_of_two_ledgers_of_one_time_one_counts(houses: tuple[House, House]) -> None:
    """A copied host that sends through the other service at the same moment is left out."""
    first = "00000000-0000-4000-8000-00000000000a"
    second = "00000000-0000-4000-8000-00000000000b"
    for number in range(10):
        name = f"host-{number}"
        pages = [make_ledger(4, host_id=name, ledger_id=ledger) for ledger in (first, second)]
        with ThreadPoolExecutor(2) as pool:
            answers = list(
                pool.map(lambda pair: pair[0].post(pair[1]), zip(houses, pages, strict=True))
            )
        outcomes = sorted(answer.json()["quarantined"] for answer in answers)
        assert outcomes == [0, 4]
    assert total_uj(houses[0]) == 10 * 4 * PAGE_UJ
    assert main(["fsck", "--database", str(houses[0].database)]) == 0


def test_a_new_month_is_made_once(houses: tuple[House, House]) -> None:
    """Pages of a month that no page was of before come through both at once."""

    def send(number: int) -> int:
        start = FIRST_START.replace(month=1 + number % 6, day=3)
        pages = make_ledger(
            2,
            start=start,
            host_id=f"host-{number}",
            ledger_id=f"00000000-0000-4000-8000-{number:012}",
        )
        return houses[number % 2].post(pages).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(24))) == {200}
    assert main(["fsck", "--database", str(houses[0].database)]) == 0
