"""Whether anybody has an account: from then on the service asks who is there.

In: the store. Out: yes or no. It is asked for at every request without a secret, so that the
answer no is kept for a second; yes is for good.
"""

import threading
from time import monotonic

from footprint.service import store_accounts
from footprint.service.store import Store

KEPT_SECONDS = 1.0


class Persons:
    """What is known of that."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._any = False
        self._until = 0.0

    def known(self) -> bool | None:
        """The answer where it is at hand, else None."""
        with self._lock:
            return self._any if self._any or monotonic() < self._until else None

    def look(self) -> bool:
        """The answer from the database."""
        with self._store.read() as connection:
            found = store_accounts.any_person(connection)
        with self._lock:
            self._any = self._any or found
            self._until = monotonic() + KEPT_SECONDS
            return self._any
