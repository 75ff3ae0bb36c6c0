"""A service that is down, or set back to an older copy, ends with what the agent metered."""

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from footprint.ledger import hash_bytes, verify_chain
from tests.powercap import scripted
from tests.running import Agent, Service, ended, page_bodies, service_pages, wait_until

OUTAGE_SECONDS = 120 if os.environ.get("CI") == "true" else 12
"""Two minutes in CI; less where somebody waits."""

POWER_UW = 50_000_000
RANGE_UJ = 262_143_328_850


def waiting(agent: Agent) -> float:
    """Pages that the service has not acknowledged."""
    return agent.metrics()['footprint_agent_spool_pages{state="waiting"}']


def entries_total(database: Path) -> int:
    """The service's total of derived entries, in microjoules."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return int(connection.execute("SELECT sum(energy_uj) FROM entry").fetchone()[0])


@pytest.mark.slow
def test_a_service_that_was_down_gets_the_backlog(tmp_path: Path) -> None:
    """Pages made while the service is down arrive afterwards, every one, in order."""
    with scripted(tmp_path, power_uw=POWER_UW, range_uj=RANGE_UJ, limit_uw=0) as (root, counter):
        service = Service(tmp_path)
        arguments = ("--service", service.url, "--powercap-root", str(root), "--page-seconds", "1")
        agent = Agent(tmp_path, *arguments)
        with ended(service, agent):
            wait_until(lambda: len(agent.metrics()) > 5, "the first tick")
            counter.go()
            wait_until(lambda: len(service_pages(service.database)) > 2, "pages at the service")
            assert service.terminate() == 0
            time.sleep(OUTAGE_SECONDS)
            assert waiting(agent) >= OUTAGE_SECONDS - 3
            again = Service(tmp_path, listen=service.address)
            with ended(again):
                wait_until(lambda: waiting(agent) <= 1, "the backlog to arrive", 90)
                true_uj = counter.hold()
                time.sleep(1.2)
                assert agent.terminate() == 0
                assert "traceback" not in agent.output().lower()
            held = service_pages(again.database)
            assert held == page_bodies(agent.spool)
            assert len(list(verify_chain(held))) >= OUTAGE_SECONDS
            assert entries_total(again.database) == true_uj


@pytest.mark.slow
def test_a_service_restored_from_an_older_copy_is_sent_what_it_lost(tmp_path: Path) -> None:
    """After a restore of the database the agent sends the missing pages again; sums are equal."""
    with scripted(tmp_path, power_uw=POWER_UW, range_uj=RANGE_UJ, limit_uw=0) as (root, counter):
        service = Service(tmp_path)
        arguments = ("--service", service.url, "--powercap-root", str(root), "--page-seconds", "1")
        agent = Agent(tmp_path, *arguments)
        with ended(service, agent):
            wait_until(lambda: len(agent.metrics()) > 5, "the first tick")
            counter.go()
            wait_until(lambda: len(service_pages(service.database)) > 3, "pages at the service")
            older = tmp_path / "older.db"
            with sqlite3.connect(service.database) as source, sqlite3.connect(older) as target:
                source.backup(target)
            held_then = len(service_pages(older))
            wait_until(lambda: len(service_pages(service.database)) > held_then + 5, "newer pages")
            assert service.terminate() == 0
            for path in tmp_path.glob("footprint.db*"):
                path.unlink()
            shutil.copy(older, service.database)
            again = Service(tmp_path, listen=service.address)
            with ended(again):
                wait_until(
                    lambda: len(service_pages(again.database)) > held_then + 7, "the lost pages"
                )
                true_uj = counter.hold()
                time.sleep(1.2)
                assert agent.terminate() == 0
            held = service_pages(again.database)
            assert held == page_bodies(agent.spool)
            assert [hash_bytes(body) for body in held] == list(
                dict.fromkeys(hash_bytes(body) for body in held)
            )
            assert entries_total(again.database) == true_uj
