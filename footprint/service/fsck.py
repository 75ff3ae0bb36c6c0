"""Checks a database against itself: chains, heads, and every row that follows from the pages.

In: a read connection. Out: what is wrong, one line each; nothing is changed. The evidence is the
pages' bytes, of energy and of usage; all else must follow from them.
"""

from collections.abc import Iterator

from sqlalchemy import Connection
from sqlmodel import SQLModel

from footprint import ledger
from footprint.interval import from_us
from footprint.service import (
    damage,
    fsck_rollups,
    store_archived,
    store_audit,
    store_boards,
    store_check,
    store_closings,
    store_factors,
    store_grid,
    store_nodes,
)
from footprint.service.archived import Gone
from footprint.service.fsck_devices import Devices
from footprint.service.fsck_ledger import Add, Checked, Key, Ledger
from footprint.service.kinds import ENERGY, USAGE, Kind
from footprint.service.store_chains import P

SHOWN = 20
"""Quarantined pages of each kind that are named."""


def check(connection: Connection, checked: Checked) -> Iterator[str]:
    """Everything that is wrong; counts what it reads in `checked`. What is damaged is said, and
    the rest is checked as far as it can be read.
    """
    yield from _readable(_integrity(connection, checked), checked)
    devices = Devices()
    yield from _readable(_ledgers(connection, ENERGY, devices.add, checked), checked)
    yield from _readable(_ledgers(connection, USAGE, lambda _page, _us: None, checked), checked)
    yield from _readable(_rivals(connection), checked)
    yield from _readable(_overlaps(connection), checked)
    if not checked.damaged:  # else the devices of what was not read would seem to be at fault
        gone_us = store_archived.until_us(connection)
        yield from _readable(devices.check(connection, gone_us), checked)
        yield from _readable(
            fsck_rollups.check(connection, devices.days_us, gone_us, checked), checked
        )
    yield from _readable(_imported(connection), checked)
    yield from _readable(_audited(connection), checked)
    yield from _readable(_closed(connection), checked)


def quarantined(connection: Connection) -> Iterator[str]:
    """Pages that are kept but left out, each with its reason; of many, how many more there are."""
    for kind in (ENERGY, USAGE):
        found, more = kind.chains.reasons(connection, SHOWN)
        for host_id, ledger_id, seq, reason in found:
            yield f"quarantined: host {host_id}, ledger {ledger_id}, {kind.name} {seq}: {reason}"
        if more:
            yield f"quarantined: {more} more {kind.name}s"


def _integrity(connection: Connection, checked: Checked) -> Iterator[str]:
    for message in store_check.integrity(connection):
        checked.damaged = True
        yield f"database: {message}"


def _imported(connection: Connection) -> Iterator[str]:
    for message in store_factors.unusable(connection):
        yield f"factor {message}: it is left out; import a right one"
    for message in store_nodes.unusable(connection):
        yield f"imported energy of {message}: it is left out; import its file again"
    for message in store_grid.unusable(connection):
        yield f"grid {message}: it is left out; import its file again"


def _audited(connection: Connection) -> Iterator[str]:
    for message in store_audit.faults(connection):
        yield f"audit log: {message}"


def _closed(connection: Connection) -> Iterator[str]:
    for message in store_closings.faults(connection):
        yield f"closed month {message}"


def _readable(messages: Iterator[str], checked: Checked) -> Iterator[str]:
    """`messages` as far as what they are about can be read, and where that ends."""
    try:
        yield from messages
    except damage.UNREADABLE as error:
        checked.damaged = True
        yield f"the rest cannot be read: {damage.reason(error)}"


def _ledgers(connection: Connection, kind: Kind[P], add: Add[P], checked: Checked) -> Iterator[str]:
    """Every ledger of one kind; its accepted pages are handed to `add`."""
    heads: dict[Key, ledger.Head] = {}
    keys: set[Key] = set()
    yield from _readable(_find_heads(connection, kind, heads), checked)
    derived = [model for model, _ in kind.chains.derived]
    for model in (kind.chains.page_model, *derived):
        yield from _readable(_find_in(connection, model, keys), checked)
    gone = Gone(connection, kind.archived)
    for key in sorted(heads.keys() | keys):
        checked.ledgers += 1
        of_ledger = Ledger(kind, key, heads.get(key), gone)
        for message in _readable(of_ledger.check(connection, add, checked), checked):
            yield f"host {key[0]}, ledger {key[1]}: {message}"


def _find_heads(
    connection: Connection, kind: Kind[P], heads: dict[Key, ledger.Head]
) -> Iterator[str]:
    """Fill `heads`; says nothing, but may find that it cannot."""
    found = kind.chains.heads(connection)
    heads.update(((head.host_id, head.ledger_id), head) for head in found)
    yield from ()


def _find_in(connection: Connection, model: type[SQLModel], keys: set[Key]) -> Iterator[str]:
    """Fill `keys`; as above."""
    keys |= store_check.ledgers(connection, model)
    yield from ()


def _overlaps(connection: Connection) -> Iterator[str]:
    for host_id, ledger_id, seq in store_check.overlaps(connection):
        yield f"host {host_id}, ledger {ledger_id}: page {seq} counts time that another page counts"
    for board, host_id, start_us in store_boards.counted_twice(connection):
        at = from_us(start_us).isoformat()
        yield f"host {host_id}: its page of {at} counts {board}, which another host counts then"


def _rivals(connection: Connection) -> Iterator[str]:
    for host_id in store_check.rivals(connection, USAGE):
        yield f"host {host_id}: two usage pages of one interval are known from the same instant"
