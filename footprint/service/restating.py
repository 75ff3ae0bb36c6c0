"""What has changed since an instant beside what statements themselves say: the register, and pages
that were taken in again.

In: a read connection. Out: `Cause`s of a restatement.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from footprint.interval import to_us
from footprint.restatement import Cause, Kind
from footprint.service import readmit, store_audit
from footprint.service.known import known_at

_LISTS: dict[Kind, str] = {
    "sia": "sia",
    "server": "servers",
    "site": "sites",
    "external": "externals",
}
_TELLING = {"name", "purpose", "stage", "hosting", "charter", "owner", "users"}
"""What the register says of an entry that no figure rests on."""


def causes(connection: Connection, since: datetime) -> Iterator[Cause]:
    """What figures rest on and the register says otherwise than it did (hardware is told by what it
    makes), and pages that were taken in again, which leave every head where it was: the audit log
    has them."""
    for event in store_audit.lines(connection, to_us(since)):
        if event.action.startswith(readmit.ACTION):
            yield Cause("pages", event.host_id or "", None, event.action)
    before, now = known_at(connection, to_us(since)), known_at(connection)
    for kind, name in _LISTS.items():
        old, new = getattr(before, name), getattr(now, name)
        for code in sorted({*old, *new}):
            was, is_ = old.get(code), new.get(code)
            if _counting(was) != _counting(is_):
                yield Cause(kind, code, _words(was), _words(is_))


def _counting(one: msgspec.Struct | None) -> dict[str, object] | None:
    """What figures rest on of an entry."""
    if one is None:
        return None
    return {name: getattr(one, name) for name in one.__struct_fields__ if name not in _TELLING}


def _words(one: msgspec.Struct | None) -> str | None:
    return None if one is None else msgspec.json.encode(one).decode()
