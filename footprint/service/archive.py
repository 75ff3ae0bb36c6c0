"""Lets months leave the database: each into an archive file first, which is read back and compared
with the database before anything is deleted.

In: a store, a folder, and before which month. Out: the months that left. Whatever ends it in
between, nothing is lost and the next run goes on: until the one transaction that lets go of a
month, the database holds it whole; from then on the file does.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, exc

from footprint.interval import Interval, from_us, month_of, paris_month, to_us
from footprint.service import (
    archive_file,
    archived_facts,
    covers,
    judge,
    platforms,
    reports,
    rollups,
    store_archive,
    store_archived,
    store_facts,
    store_register,
    store_servers,
    store_usage,
    store_versions,
)
from footprint.service.archive_file import ArchiveError, Digest, Header, Line
from footprint.service.archived_facts import Facts
from footprint.service.store import Store
from footprint.service.store_archive import Plan
from footprint.service.store_archived import Left
from footprint.service.store_facts import Window

YOUNGEST = timedelta(microseconds=judge.STAYS_US)
ATTEMPTS = 20
PAUSE_SECONDS = 0.5
LOCK = ".footprint-archive.lock"
LOCK_NOT_AVAILABLE = "55P03"
"""What PostgreSQL says after `lock_timeout` (its manual, appendix A)."""


class Ready(msgspec.Struct, frozen=True):
    """What one read of the database said of a month."""

    month: str
    interval: Interval
    plan: Plan
    header: Header
    facts: Facts


def limit(before: str, now: datetime) -> datetime:
    """The instant before which months may leave. Raises ArchiveError for no month, or one that has
    not been over for long enough."""
    try:
        asked = paris_month(before).start
    except ValueError as error:
        raise ArchiveError(f"--before: {error}") from error
    if asked > now - YOUNGEST:
        last = month_of(now - YOUNGEST)
        raise ArchiveError(
            f"--before {before}: agents may still send pages of the month before it again; a month "
            f"leaves {YOUNGEST.days} days after its end at the earliest: {last} is the latest"
        )
    return asked


def kept_from(months: int, now: datetime) -> datetime:
    """Where the time begins that is kept: `months` whole months before the present one, or more
    where they are not over for long enough."""
    year, number = (int(part) for part in month_of(now).split("-"))
    first = year * 12 + number - 1 - months
    kept = paris_month(f"{first // 12:04}-{first % 12 + 1:02}").start
    return min(kept, paris_month(month_of(now - YOUNGEST)).start)


def run(store: Store, folder: Path, before: datetime, now: datetime) -> Iterator[Left]:
    """Let every month leave that begins before `before`, the oldest first; each as it has left.
    Raises ArchiveError."""
    with _alone(folder), store.leading() as leads:
        if not leads:
            raise ArchiveError("another process archives months of this database; wait for its end")
        while True:
            with store.read() as connection:
                month = store_archive.next_month(connection, to_us(before))
            if month is None:
                return
            yield _leave(store, folder / archive_file.name_of(month), month, now)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else writes archives into the folder."""
    try:
        file = (folder / LOCK).open("ab")
    except OSError as error:
        raise ArchiveError(f"{folder}: {error.strerror}; name a folder to write to") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ArchiveError(f"{folder}: another process archives into it") from error
        yield


def _leave(store: Store, path: Path, month: str, now: datetime) -> Left:
    """Let one month leave."""
    for _ in range(ATTEMPTS):
        rollups.refresh(store)
        ready = _export(store, path, month, now)
        checked = archive_file.verify(path)
        header = ready.header
        left = Left(
            month,
            path.name,
            checked.sha256,
            header.pages,
            header.quarantined,
            to_us(ready.interval.end),
            to_us(now),
        )
        if _as_held(store, ready, checked.header) and _removed(store, ready, left):
            return left
    raise ArchiveError(
        f"{month}: pages of it keep coming; {path} is whole, the month stays in the database: "
        "run this again"
    )


def _removed(store: Store, ready: Ready, left: Left) -> bool:
    """Let the month's pages go; False where something was added to it. Raises ArchiveError where
    others are in the way all the time."""
    for _ in range(ATTEMPTS):
        try:
            return _remove(store, ready, left)
        except exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
        time.sleep(PAUSE_SECONDS)
    raise ArchiveError(
        f"{left.month}: others read or write all the time; {left.file} is whole, the month stays "
        "in the database: run this again"
    )


def _export(store: Store, path: Path, month: str, now: datetime) -> Ready:
    """Write a month's file, unless it is there already; of one state of the database."""
    with store.read() as connection:
        ready = _ready(connection, month, now)
        if path.exists():
            if _may_replace(connection, path, ready):
                archive_file.write(path, ready.header, _lines(connection, ready.plan))
        else:
            archive_file.write(path, ready.header, _lines(connection, ready.plan))
    return ready


def _may_replace(connection: Connection, path: Path, ready: Ready) -> bool:
    """Whether a file of that name is one of a run that was ended, of fewer pages than are held now;
    ArchiveError where it has other pages."""
    held: dict[Any, dict[int, str]] = {}
    others: list[str] = []

    def see(line: Line) -> None:
        key = (line.kind, line.host_id, line.ledger_id)
        if key not in held:
            held.clear()
            held[key] = store_archive.hashes(connection, key)
        if held[key].get(line.seq) != line.hash and not others:
            others.append(f"{line.kind} page {line.seq} of {line.host_id}/{line.ledger_id}")

    found = archive_file.verify(path, see).header
    if others:
        raise ArchiveError(
            f"{path}: is there already, with pages that this database does not hold ({others[0]}); "
            "move it away or choose another folder"
        )
    return found.digest != ready.header.digest


def _ready(connection: Connection, month: str, now: datetime) -> Ready:
    interval = paris_month(month)
    plan = store_archive.plan(connection, to_us(interval.end))
    digest = _digest(connection, plan)
    header = Header(
        footprint_archive=archive_file.FORMAT,
        month=month,
        start=interval.start,
        end=interval.end,
        made=now,
        pages=digest.pages,
        accepted=digest.accepted,
        quarantined=digest.pages - digest.accepted,
        ledgers=digest.ledgers,
        digest=digest.hexdigest(),
    )
    return Ready(month, interval, plan, header, _facts(connection, interval, now))


def _digest(connection: Connection, plan: Plan) -> Digest:
    """Over what leaves, as the database has it."""
    digest = Digest()
    for cut in plan.cuts:
        for row in store_archive.sketch(connection, cut):
            digest.add(cut.kind, cut.host_id, cut.ledger_id, row.seq, row.hash)
            digest.accepted += row.state == "accepted"
    return digest


def _facts(connection: Connection, interval: Interval, now: datetime) -> Facts:
    window = Window(interval, store_versions.EVER_US, rolled=True)
    hosts = [host.host_id for host in reports.boundaries(connection, window)]
    codes = store_register.servers(connection, window.as_of_us)
    cover = covers.gather(connection, window, now)
    paged = msgspec.structs.replace(window, rolled=False)
    sites = store_register.sites(connection).values()
    spending = store_servers.spending(connection, paged, codes, sites, boards=True)
    return Facts(
        at_us=to_us(now),
        platform=platforms.gather(connection, window, hosts, cover),
        spending={code: spending.get(code, []) for code in codes},
        told=store_usage.told(connection, window),
        gaps=store_usage.gaps(connection, window),
        lines=store_usage.lines(connection, window),
        totals=store_usage.totals(connection, window),
        ledgers=store_facts.ledgers(connection, window),
        usage_ledgers=store_servers.usage_ledgers(connection, window),
        quarantined_pages=store_facts.quarantined_by_host(
            connection, msgspec.structs.replace(window, as_of_us=to_us(now))
        ),
    )


def _lines(connection: Connection, plan: Plan) -> Iterator[Line]:
    for cut in plan.cuts:
        for row in store_archive.pages(connection, cut):
            yield Line(
                kind=cut.kind,
                host_id=row.host_id,
                ledger_id=row.ledger_id,
                seq=row.seq,
                hash=row.hash,
                known_from=from_us(row.known_from_us),
                state=row.state,
                reason=row.reason,
                **archive_file.body_fields(bytes(row.body)),
            )


def _as_held(store: Store, ready: Ready, header: Header) -> bool:
    """Whether a file that was read back has what the database says now."""
    with store.read() as connection:
        return _digest(connection, ready.plan).hexdigest() == header.digest


def _remove(store: Store, ready: Ready, left: Left) -> bool:
    """Let the month's pages go, unless something was added to it; whether they went."""
    with store.write_archive() as connection:
        if store_archive.plan(connection, left.until_us) != ready.plan:
            return False
        if store_archive.is_marked(connection, left.until_us):
            return False
        if store_archived.until_us(connection) >= left.until_us:
            return False
        store_archive.remove(connection, left, archived_facts.pack(ready.facts), ready.plan)
    return True
