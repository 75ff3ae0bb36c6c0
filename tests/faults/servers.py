"""A PostgreSQL server that crashes, has no connection left, or takes nothing.

A fleet sends meanwhile; the service answers 503 and when to come back, never 500, and says in its
log what is wrong. Seen failing: a service that asks for `synchronous_commit = off` loses in a crash
what it acknowledged, and the fleet names the hosts.
"""

import contextlib
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import psycopg

from tests.faults.checks import fsck
from tests.faults.fleets import UNTIL_ENOUGH, Load, hosts
from tests.faults.ground import Ground, uj
from tests.faults.meters import ending
from tests.postgres import Postgres, running
from tests.running import Process, Service, wait_until

DOWN_SECONDS = 1.0
MOST_CONNECTIONS = 20
FAILED = "/v1/pages failed: database"
_END_THE_SERVICES = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'footprint'"
)
Felt = Callable[[], None]
"""Waits until a page was refused because of the database."""


def crashes(ground: Ground) -> str:
    """`pg_ctl stop -m immediate`, as a crash, and a start."""

    def befall(postgres: Postgres, felt: Felt) -> None:
        postgres.stop("immediate")
        try:
            felt()
        finally:
            postgres.start()

    return _under_load(ground, befall)


def no_connections(ground: Ground) -> str:
    """Others have taken every connection that the server allows."""
    return _under_load(ground, _take_all_connections, f"max_connections={MOST_CONNECTIONS}")


def _take_all_connections(postgres: Postgres, felt: Felt) -> None:
    with (
        psycopg.connect(postgres.url("postgres"), autocommit=True) as admin,
        contextlib.ExitStack() as stack,
    ):
        ended: list[object] = [None]
        while ended:  # the service comes back at once, and may be sooner
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    stack.enter_context(psycopg.connect(postgres.url("postgres")))
            ended = list(admin.execute(_END_THE_SERVICES).fetchall())
        felt()


def read_only(ground: Ground) -> str:
    """The server allows no writing, as a standby does."""

    def befall(postgres: Postgres, felt: Felt) -> None:
        _set_read_only(postgres, "on")
        try:
            felt()
        finally:
            _set_read_only(postgres, "off")

    return _under_load(ground, befall)


def _set_read_only(postgres: Postgres, to: str) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute("SET default_transaction_read_only = off")
        admin.execute(f"ALTER SYSTEM SET default_transaction_read_only = {to}")
        admin.execute("SELECT pg_reload_conf()")


def _under_load(ground: Ground, befall: Callable[[Postgres, Felt], None], *settings: str) -> str:
    """A fleet for each time; what befalls its server lasts until a page of it is refused."""
    processes: list[Process] = []
    troubles: Counter[str] = Counter()
    agreed_uj = 0
    with running(*settings) as postgres, ending(processes):
        place = postgres.new()
        service = Service(ground.sub("service"), place=place)
        processes.append(service)
        with _asking(service) as answers:
            for _ in range(ground.times):
                load = _load(ground, service)
                try:
                    time.sleep(ground.chance.random())
                    befall(postgres, partial(_felt, service, service.output().count(FAILED)))
                    wait_until(lambda: _status(service) == 200, "the service to be ready again")
                    load.enough()
                    agreed_uj += load.agreed_uj()
                finally:
                    load.end()
                troubles += Counter(load.troubles())
        assert "Traceback" not in service.output(), service.output()[-3000:]
        fsck(place)
    assert set(answers) <= {200, 503}, answers
    assert set(troubles) == {"503"}, troubles
    return (
        f"the fleet was answered {dict(troubles)}, readers {dict(answers)}, fleet == service: "
        f"{uj(agreed_uj)}, fsck clean"
    )


def _load(ground: Ground, service: Service) -> Load:
    words = ("--hosts", "3", "--connections", "3", "--in-seconds", "0.15", "--faults", "all=0.02")
    known, seed = hosts(service), ground.chance.randrange(10**6)
    load = Load(ground.folder, service.url, seed, *words, *UNTIL_ENOUGH)
    load.wait_until_it_sends(service, known)
    return load


def _felt(service: Service, before: int) -> None:
    wait_until(lambda: service.output().count(FAILED) > before, "a page refused")
    time.sleep(DOWN_SECONDS)


@contextlib.contextmanager
def _asking(service: Service) -> Iterator[Counter[int]]:
    """What a reader is answered meanwhile, ten times a second."""
    answers: Counter[int] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.1):
            answers[_status(service)] += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        stop.set()
        thread.join()


def _status(service: Service) -> int:
    try:
        with urllib.request.urlopen(f"{service.url}/readyz", timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
