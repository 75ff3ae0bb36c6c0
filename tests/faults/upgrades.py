"""A database brought up to this program's schema while agents send.

An older database is made by the older migrations, with every page that the present one holds; the
service upgrades it at its start, and the fleet, which never stopped, sends the rest. Seen failing:
without the advisory lock of `footprint.service.store_postgresql` some of three services that start
at once do not start.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url

from footprint.service.store_migrate import MIGRATIONS
from tests.faults import sums
from tests.faults.checks import fsck
from tests.faults.fleets import UNTIL_ENOUGH, Load
from tests.faults.ground import Ground, uj
from tests.faults.meters import ending, until_held
from tests.postgres import running
from tests.running import Process, Service, wait_until
from tests.service.older import as_of

PAGES = ("--pages", "30")
AT_ONCE = 3


def _older() -> list[str]:
    """Revisions of the schema before the present one, the oldest last."""
    found = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    return [revision.revision for revision in found][1:]


def sqlite(ground: Ground) -> str:
    """Again and again: stopped, made older with all its pages, started, sent to."""
    processes: list[Process] = []
    folder = ground.sub("service")
    with ending(processes):
        service = Service(folder)
        processes.append(service)
        load = _load(ground, service, UNTIL_ENOUGH)
        revisions = []
        try:
            load.wait_until_it_sends(service)
            for number in range(ground.times):
                until_held(service.database, 4)
                assert service.terminate() == 0
                revisions.append(_older()[number % len(_older())])
                _make_older(service.database, revisions[-1])
                service = Service(folder, listen=service.address)
                processes.append(service)
            load.enough()
            agreed_uj = load.agreed_uj()
        finally:
            load.end()
        sums.check(service.database)
        assert sums.total_uj(service.database) == agreed_uj
    told = ", ".join(sorted(set(revisions)))
    return f"upgraded from {told}: fleet == service: {uj(agreed_uj)}, fsck clean"


def _load(ground: Ground, service: Service, pages: tuple[str, ...]) -> Load:
    words = ("--hosts", "3", "--batch-pages", "4", "--in-seconds", "0.2", "--faults", "all=0.02")
    return Load(ground.folder, service.url, ground.chance.randrange(10**6), *words, *pages)


def _make_older(database: Path, revision: str) -> None:
    older = database.with_suffix(".older")
    older.unlink(missing_ok=True)
    as_of(revision, database, older)
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()
    shutil.move(older, database)


def postgresql(ground: Ground) -> str:
    """Several services at once find an older schema; one brings it up, all serve."""
    agreed_uj = 0
    with running("fsync=off") as postgres:
        for number in range(ground.times):
            place = postgres.new()
            _upgrade_to(place, _older()[-1])
            folders = [ground.sub(f"service-{number}-{one}") for one in range(AT_ONCE)]
            with psycopg.connect(place) as first, ThreadPoolExecutor(AT_ONCE) as pool:
                first.execute("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE")
                starting = [pool.submit(Service, folder, place=place) for folder in folders]
                wait_until(partial(_all_wait, postgres.url("postgres")), "all to ask at once")
                first.rollback()
                services = [one.result() for one in starting]
            with ending(list(services)):
                load = _load(ground, services[0], PAGES)
                try:
                    agreed_uj = load.agreed_uj()
                finally:
                    load.end()
                assert [one.terminate() for one in services] == [0] * AT_ONCE
                fsck(place)
    return f"{AT_ONCE} services at once: fleet == service: {uj(agreed_uj)}, fsck clean"


def _all_wait(place: str) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(place) as connection:
        row = connection.execute(query).fetchone()
    return row is not None and row[0] == AT_ONCE


def _upgrade_to(place: str, revision: str) -> None:
    engine = create_engine(make_url(place).set(drivername="postgresql+psycopg"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
