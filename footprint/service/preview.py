"""Writing that is undone again where only what it would do is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection

from footprint.service.store import Store

SAID = "preview: nothing was stored"


class _UndoneError(Exception):
    """Ends the transaction of a preview."""


@contextmanager
def writing(store: Store, *, preview: bool) -> Iterator[Connection]:
    """The store's write connection; of a `preview` nothing of it stays."""
    with suppress(_UndoneError), store.write() as connection:
        yield connection
        if preview:
            raise _UndoneError
