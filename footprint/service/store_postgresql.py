"""The database on a PostgreSQL server: several services may use it at once.

A read sees one state (REPEATABLE READ). Writers that could disagree take turns: of one host's pages
by a lock of the host, of everything else by one lock; both last as long as their transaction.
Pages, and what follows from them, lie in partitions of a Paris month, made before they are needed.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from footprint.interval import from_us, month_of, paris_month, to_us
from footprint.service.place import Server

POOL = 8
MORE = 8
CONNECT_SECONDS = 10
BY_MONTH = (
    "page",
    "usage_page",
    "entry",
    "gap",
    "sensor",
    "node",
    "usage_cover",
    "usage_line",
    "usage_gap",
)
_ALL_ELSE = 0
_MONTHS = 1
_ROLLUPS = 2
_ARCHIVE = 3
_LEADER = 4
_PATIENCE = "500ms"
"""How long a month that leaves waits for others at most, who then wait behind it; less than the
server's `deadlock_timeout`, so that it is this side that gives way."""
_STILL_PATIENCE = "2s"
"""How long who wants a still moment waits for pages in hand, or for a month that leaves."""


class Names(NamedTuple):
    """The tables of a kind of pages: the kind, its pages, and what follows from them."""

    kind: str
    page: str
    content: Sequence[str]


def engine(server: Server) -> Engine:
    """Connections to the server; one that it closed meanwhile is replaced."""
    made = create_engine(
        make_url(server.url).set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=POOL,
        max_overflow=MORE,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "footprint"},
    )
    event.listen(made, "connect", _configure)
    event.listen(made, "begin", _begin)
    return made


def prepare(_made: Engine) -> None:
    """Nothing: the server's administrator decides how it writes."""


def lock(connection: Connection, hosts: Iterable[str] | None) -> None:
    """Wait until no other transaction writes the pages of `hosts`, or anything else (None); no
    month leaves while pages are written."""
    if hosts is None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ALL_ELSE})
        return
    connection.execute(
        text(
            "SELECT pg_advisory_xact_lock_shared(:archive), count(pg_advisory_xact_lock(key)) "
            "FROM unnest(CAST(:keys AS bigint[])) AS key"
        ),
        {"archive": _ARCHIVE, "keys": sorted({_key(host) for host in hosts})},
    )


def _key(host: str) -> int:
    """A lock's number; two hosts that share one only wait for each other."""
    number = int.from_bytes(hashlib.sha256(host.encode()).digest()[:8], signed=True)
    return number if not _ALL_ELSE <= number <= _LEADER else _LEADER + 1


def lock_rollups(connection: Connection) -> None:
    """Wait until nobody else sums."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ROLLUPS})


def lock_archive(connection: Connection) -> None:
    """Have nobody write pages or sum; fails where somebody does for longer than is waited."""
    connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
    for key in (_ROLLUPS, _ARCHIVE):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def lock_still(connection: Connection) -> None:
    """Have nobody write pages or anything else; a month that leaves is let go on."""
    lock(connection, None)
    connection.execute(text(f"SET LOCAL lock_timeout = '{_STILL_PATIENCE}'"))
    with suppress(OperationalError), connection.begin_nested():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ARCHIVE})


@contextmanager
def leading(made: Engine) -> Iterator[bool]:
    """Whether this process does what one of several is to do, until the block ends."""
    with made.connect().execution_options(footprint_write=True) as connection, connection.begin():
        take = text("SELECT pg_try_advisory_xact_lock(:key)")
        yield bool(connection.execute(take, {"key": _LEADER}).scalar_one())


def drop_months(connection: Connection, names: Names, until_us: int, *, whole: bool) -> None:
    """Let go of what `archived_head` says has left with the month that ends at `until_us`: of whole
    partitions (at once, whatever their size) where nothing else lies in them, else row by row.
    `whole`: no accepted page that begins before then stays."""
    # Who reads holds this from the beginning: none sees a partition go in the middle.
    connection.execute(text("LOCK TABLE archived_month IN ACCESS EXCLUSIVE MODE"))
    leaves = (
        "EXISTS (SELECT 1 FROM archived_head AS h WHERE h.kind = :kind AND h.until_us = :until "
        "AND h.host_id = p.host_id AND h.ledger_id = p.ledger_id AND h.seq >= p.seq)"
    )
    values = {"kind": names.kind, "until": until_us}
    page, content = names.page, names.content

    def run(statement: str, **more: int) -> Any:
        return connection.execute(text(statement), values | more)

    for month in _months_until(connection, page, until_us):
        span = paris_month(month)
        bounds = {"since": to_us(span.start), "end": to_us(span.end)}
        filed = "p.filed_us >= :since AND p.filed_us < :end"
        stays = f"SELECT 1 FROM {page} AS p WHERE {filed} AND NOT {leaves}"  # noqa: S608 - ours
        quarantined = run(f"{stays} AND p.state = 'quarantined' LIMIT 1", **bounds).first()
        if whole:
            _drop(connection, content, month)
        if whole and quarantined is None:
            _drop(connection, [page], month)
    run(f"DELETE FROM {page} AS p WHERE p.filed_us < :until AND {leaves}")  # noqa: S608 - ours
    late = "p.filed_us >= :until AND p.state = 'quarantined'"
    run(f"DELETE FROM {page} AS p WHERE {late} AND {leaves}")  # noqa: S608 - ours
    for table in content:
        run(f"DELETE FROM {table} AS p WHERE p.start_us < :until AND {leaves}")  # noqa: S608 - ours


def _months_until(connection: Connection, table: str, until_us: int) -> list[str]:
    """The months up to an instant that a table has partitions of."""
    query = text(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(:name)"
    )
    found = connection.execute(query, {"name": table}).scalars()
    months = [name.rpartition(f"{table}_")[2].replace("_", "-") for name in found]
    return sorted(month for month in months if to_us(paris_month(month).end) <= until_us)


def _drop(connection: Connection, tables: Iterable[str], month: str) -> None:
    for table in tables:
        connection.execute(text(f"DROP TABLE IF EXISTS {_partition(table, month)}"))


def _partition(table: str, month: str) -> str:
    return f"{table}_{month.replace('-', '_')}"


def make_months(connection: Connection, instants_us: Iterable[int]) -> None:
    """Make the partitions in which the instants lie, where they are missing."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MONTHS})
    for month in sorted({month_of(from_us(us)) for us in instants_us}):
        for table in BY_MONTH:
            _make_month(connection, table, month)


def _make_month(connection: Connection, table: str, month: str) -> None:
    """Made apart and then attached: nobody who reads or writes has to wait meanwhile."""
    name = _partition(table, month)
    exists = text("SELECT to_regclass(:name) IS NOT NULL")
    if connection.execute(exists, {"name": name}).scalar_one():
        return
    span = paris_month(month)
    bounds = f"FROM ({to_us(span.start)}) TO ({to_us(span.end)})"
    connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
    connection.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}"))


def _configure(connection: Any, _entry: ConnectionPoolEntry) -> None:
    """What is acknowledged must survive a power cut, whatever the server's default."""
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.commit()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("footprint_write", False):
        return
    statement = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
    if not options.get("footprint_any_version", False):
        # Before the state is chosen that is read: partitions are dropped for every state at once.
        statement += "; LOCK TABLE archived_month IN ACCESS SHARE MODE"
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
