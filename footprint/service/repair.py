"""Makes everything anew that follows from pages, where it does not agree with them: the rows of
pages' contents, devices, rollups; but for time whose pages have left. Evidence (pages, their state,
heads) is never touched.

In: a store. Out: what was made anew, one line each. One transaction a host, so that pages may come
meanwhile.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from footprint import usage
from footprint.service import (
    evidence,
    judge,
    rollups,
    store_archived,
    store_chains,
    store_check,
    store_places,
    store_register,
    store_rollups,
    tables,
)
from footprint.service.fsck_devices import Devices
from footprint.service.fsck_ledger import Add, Key
from footprint.service.kinds import ENERGY, USAGE, Kind
from footprint.service.store import Store
from footprint.service.store_chains import P


def repair(store: Store) -> Iterator[str]:
    """Repair what can be; lines as it goes."""
    with store.read() as connection:
        energy, asked = _ledgers(connection, ENERGY), _ledgers(connection, USAGE)
    for host_id in sorted(energy.keys() | asked.keys()):
        try:
            with store.write_pages({host_id}, ()) as connection:
                made = _host(connection, host_id, energy.get(host_id, []), asked.get(host_id, []))
        except DamagedError as error:
            yield f"left as it is: host {host_id}: {error}; restore the newest backup"
        else:
            yield from (f"made anew: {line}" for line in made)
    with store.write_rollups() as connection:
        store_places.settle(connection, store_register.sites(connection), 0)
        store_rollups.mark_everything(connection)
    yield f"made anew: rollups: {rollups.refresh(store)} days summed again"


class DamagedError(Exception):
    """A page is not as it came: what was made of it when it came is all that is left of it."""


def _host(
    connection: Connection, host_id: str, energy: Iterable[Key], asked: Iterable[Key]
) -> list[str]:
    """Make a host's rows anew; what was. DamagedError where a page of its is not as it came."""
    devices = Devices()
    made = [
        *_contents(connection, ENERGY, energy, devices.add),
        *_contents(connection, USAGE, asked, _nothing),
    ]
    gone_us = store_archived.until_us(connection)
    if list(devices.check(connection, gone_us, host_id)):
        rows = devices.rows(connection, host_id, gone_us)
        store_check.replace_devices(connection, host_id, rows)
        made.append(f"host {host_id}: its devices")
    return made


def _nothing(_page: usage.UsagePage, _known_from_us: int) -> None:
    """Usage has no devices."""


def _ledgers(connection: Connection, kind: Kind[P]) -> dict[str, list[Key]]:
    """Host and ledger of everything that is held, by host."""
    models = (kind.chains.page_model, *(model for model, _ in kind.chains.derived))
    keys = set().union(*(store_check.ledgers(connection, model) for model in models))
    found = defaultdict(list)
    for key in sorted(keys):
        found[key[0]].append(key)
    return found


def _contents(
    connection: Connection, kind: Kind[P], keys: Iterable[Key], add: Add[P]
) -> Iterator[str]:
    for key in keys:
        accepted: list[P] = []
        rows = kind.chains.ledger_pages(connection, *key).all()
        damaged = [row.seq for row in rows if evidence.is_damaged(kind, row)]
        if damaged:
            raise DamagedError(f"page {damaged[0]} of ledger {key[1]} is not as it came")
        for row in rows:
            page = judge.content(row.body, kind.decode)
            if row.state == "accepted" and not isinstance(page, str):
                accepted.append(page)
                add(page, row.known_from_us)
        for model, derive in kind.chains.derived:
            expected = [row for page in accepted for row in derive(store_chains.dated(page))]
            if store_chains.derived_rows(connection, model, *key) != expected:
                store_check.replace(connection, model, key, expected)
                yield f"host {key[0]}, ledger {key[1]}: {tables.table(model).name}"
