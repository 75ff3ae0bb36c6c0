"""A spool that was set back, copied, damaged or lost: the service ends with the counter's total.

Real files, the real agent, the real service. What could not be known would be a gap; the counter
tells all of it here, so that nothing is missing and nothing is there twice.
"""

import contextlib
import itertools
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from footprint.ledger import Page, decode, verify_chain
from tests.powercap import ScriptedCounter, scripted
from tests.running import Agent, Service, ended, page_bodies, service_pages, wait_until

POWER_UW = 50_000_000
LIMIT_UW = 100_000_000
RANGE_UJ = 262_143_328_850


class House:
    """A host whose counter counts, and its service."""

    def __init__(
        self, folder: Path, service: Service, root: Path, counter: ScriptedCounter
    ) -> None:
        self.folder, self.service, self.counter = folder, service, counter
        self.arguments = ("--service", service.url, "--powercap-root", str(root))
        self.arguments += ("--page-seconds", "1", "--checkpoint-seconds", "1")

    @property
    def state(self) -> Path:
        """Where the spool is."""
        return self.folder / "state"

    def start(self) -> Agent:
        """An agent that has ticked."""
        agent = Agent(self.folder, *self.arguments)
        wait_until(lambda: len(agent.metrics()) > 5, "a tick")
        return agent

    def until_held(self, more: int = 3) -> None:
        """Wait until the service holds some pages more."""
        count = len(service_pages(self.service.database)) + more
        wait_until(lambda: len(service_pages(self.service.database)) >= count, "pages")

    def end(self, agent: Agent) -> int:
        """Stop the counter, then the agent when its last page is over; the true total."""
        true_uj = self.counter.hold()
        time.sleep(1.5)
        assert agent.terminate() == 0
        return true_uj

    def ledgers(self) -> list[list[Page]]:
        """The service's pages by ledger, each a verified chain, in the order of their time."""
        with sqlite3.connect(f"file:{self.service.database}?mode=ro", uri=True) as database:
            rows = database.execute("SELECT ledger_id, body FROM page ORDER BY ledger_id, seq")
            bodies: dict[str, list[bytes]] = {}
            for ledger_id, body in rows:
                bodies.setdefault(ledger_id, []).append(body)
        database.close()
        chains = [list(verify_chain(pages)) for pages in bodies.values()]
        return sorted(chains, key=lambda pages: pages[0].start)

    def total_uj(self) -> int:
        """The service's total of entries."""
        with sqlite3.connect(f"file:{self.service.database}?mode=ro", uri=True) as database:
            total = database.execute("SELECT sum(energy_uj) FROM entry").fetchone()[0]
        database.close()
        return int(total)

    def kept_out(self) -> int:
        """Pages that the service keeps out of its totals."""
        with sqlite3.connect(f"file:{self.service.database}?mode=ro", uri=True) as database:
            query = "SELECT count(*) FROM page WHERE state != 'accepted'"
            count = database.execute(query).fetchone()[0]
        database.close()
        return int(count)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A host with a service, both in folders of their own."""
    watts = {"power_uw": POWER_UW, "range_uj": RANGE_UJ, "limit_uw": LIMIT_UW}
    with scripted(tmp_path, **watts) as (root, counter):
        service = Service(tmp_path)
        with ended(service):
            yield House(tmp_path, service, root, counter)


def backup(spool: Path, copy: Path) -> None:
    """A copy of the spool as a backup program makes it."""
    with sqlite3.connect(spool) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()


def check_heirs(house: House, true_uj: int) -> None:
    """Each ledger names the last page of the one before as its parent; totals are the truth."""
    chains = house.ledgers()
    for before, after in itertools.pairwise(chains):
        parent = after[0].parent
        assert parent is not None
        assert parent.ledger_id == before[-1].ledger_id
        assert parent.seq == before[-1].seq
        assert before[-1].end <= after[0].start
    assert house.kept_out() == 0
    assert house.total_uj() == true_uj
    gaps = [gap for pages in chains for page in pages for gap in page.gaps if gap.kind == "gap"]
    assert gaps == []


@pytest.mark.slow
def test_a_spool_set_back_to_a_backup_ends_with_the_counters_total(house: House) -> None:
    """The agent finds that the service holds later pages of its ledger, and goes on from there in
    one that names its parent."""
    agent = house.start()
    with contextlib.ExitStack() as stack:
        stack.enter_context(ended(agent))
        house.counter.go()
        house.until_held()
        copy = house.folder / "copy.db"
        backup(agent.spool, copy)
        house.until_held(5)
        agent.kill()
        for file in house.state.glob("spool.*"):
            file.unlink()
        shutil.copy(copy, agent.spool)
        again = house.start()
        stack.enter_context(ended(again))
        begun = 'footprint_agent_ledgers_begun_total{reason="diverged"}'
        wait_until(lambda: again.metrics()[begun] == 1, "another ledger")
        house.until_held()
        true_uj = house.end(again)
        assert "holds another page" in again.output()
    assert len(house.ledgers()) == 2
    check_heirs(house, true_uj)


def settle(spool: Path) -> None:
    """Write the log into the file."""
    with sqlite3.connect(spool) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


@pytest.mark.slow
def test_a_service_set_back_gets_the_pages_of_every_ledger_again(house: House) -> None:
    """The spool was set back and another ledger begun; then the service is, to before both: it is
    sent what it lost of the new ledger, and of the one before what the spool's backup knew to be
    delivered. What only the lost copies held is missing, and nothing else."""
    agent = house.start()
    with contextlib.ExitStack() as stack:
        stack.enter_context(ended(agent))
        house.counter.go()
        house.until_held()
        older = house.folder / "older.db"
        backup(house.service.database, older)
        copy = house.folder / "copy.db"
        wait_until(lambda: acknowledged(agent) > 4, "pages beyond the older copy")
        backup(agent.spool, copy)
        house.until_held()
        agent.kill()
        for file in house.state.glob("spool.*"):
            file.unlink()
        shutil.copy(copy, agent.spool)
        agent = house.start()
        stack.enter_context(ended(agent))
        house.until_held(6)
        wait_until(lambda: len(house.ledgers()) == 2, "another ledger")
        assert house.service.terminate() == 0
        before = service_pages(house.service.database)
        for file in house.folder.glob("footprint.db*"):
            file.unlink()
        shutil.copy(older, house.service.database)
        again = Service(house.folder, listen=house.service.address)
        stack.enter_context(ended(again))
        nowhere = set(before) - set(service_pages(older)) - set(delivered(copy))
        nowhere -= {body for body in before if decode(body).ledger_id == ledger_of(agent)}
        lost = set(before) - nowhere
        wait_until(lambda: lost <= set(service_pages(again.database)), "what was lost")
        true_uj = house.end(agent)
    lost_uj = sum(entry.energy_uj for body in nowhere for entry in decode(body).entries)
    assert 0 < len(nowhere) < 8
    assert house.kept_out() == 0
    assert house.total_uj() == true_uj - lost_uj


def acknowledged(agent: Agent) -> float:
    """Pages that the service holds, as the agent knows."""
    return agent.metrics()['footprint_agent_spool_pages{state="acknowledged"}']


def delivered(spool: Path) -> list[bytes]:
    """The pages in a spool that it knows the service to hold."""
    with sqlite3.connect(f"file:{spool}?mode=ro", uri=True) as database:
        rows = database.execute("SELECT body FROM page WHERE acknowledged = 1").fetchall()
    database.close()
    return [body for (body,) in rows]


def ledger_of(agent: Agent) -> str:
    """The ledger that the agent writes now."""
    with sqlite3.connect(f"file:{agent.spool}?mode=ro", uri=True) as database:
        found = database.execute("SELECT ledger_id FROM ledger").fetchone()[0]
    database.close()
    return str(found)


def garbage(spool: Path) -> None:
    """Not a database."""
    spool.write_bytes(b"garbage " * 1000)


def cut(spool: Path) -> None:
    """The half that a repaired file system gave back."""
    with spool.open("r+b") as file:
        file.truncate(spool.stat().st_size // 2)


def headless(spool: Path) -> None:
    """The first block is another file's."""
    with spool.open("r+b") as file:
        file.write(b"\xa5" * 512)


def empty(spool: Path) -> None:
    """Nothing is left of it."""
    spool.write_bytes(b"")


def gone(spool: Path) -> None:
    """The file is not there."""
    spool.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("damage", [garbage, cut, headless, empty, gone], ids=lambda f: f.__name__)
def test_a_damaged_spool_ends_with_the_counters_total(
    house: House, damage: Callable[[Path], None]
) -> None:
    """Twice in a row: what was damaged is kept beside, what the service holds is gone on from."""
    with contextlib.ExitStack() as stack:
        agent = house.start()
        stack.enter_context(ended(agent))
        house.counter.go()
        for _ in range(2):
            house.until_held()
            agent.kill()
            settle(agent.spool)
            damage(agent.spool)
            agent = house.start()
            stack.enter_context(ended(agent))
        house.until_held()
        true_uj = house.end(agent)
    aside = [path for path in house.state.iterdir() if ".damaged-" in path.name]
    assert len([path for path in aside if not path.name.endswith(("-wal", "-shm"))]) in (0, 2)
    assert (len(aside) > 0) == (damage not in (empty, gone))
    assert len(house.ledgers()) == 3
    check_heirs(house, true_uj)


@pytest.mark.slow
def test_a_lost_log_of_the_spool_ends_with_the_counters_total(house: House) -> None:
    """The file without its `-wal` is the spool of some seconds ago: as one set back."""
    with contextlib.ExitStack() as stack:
        agent = house.start()
        stack.enter_context(ended(agent))
        house.counter.go()
        house.until_held(4)
        settle(agent.spool)
        house.until_held(4)
        agent.kill()
        agent.spool.with_name("spool.db-wal").unlink()
        agent.spool.with_name("spool.db-shm").unlink()
        agent = house.start()
        stack.enter_context(ended(agent))
        house.until_held()
        true_uj = house.end(agent)
    assert page_bodies(agent.spool)
    check_heirs(house, true_uj)
