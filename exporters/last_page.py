"""Where a new ledger takes up: the host's last page that counts at the service, asked for.

In: a service that answers GETs. Out: that page, with its counters at its end. Where it does not
tell them itself (its energy was spread over its edge), the pages before it in its ledger do.
"""

from collections.abc import Callable
from http import HTTPStatus

import msgspec

from exporters.errors import SpoolError
from exporters.heir import known_end, tells_end
from footprint.ledger import Head, Page, PageError, Parent, decode, hash_bytes

MOST_PAGES = 120
"""A day and some of pages over which a meter was away, and its energy spread."""

Get = Callable[[str], tuple[int, bytes]]


class LastPage(msgspec.Struct, frozen=True):
    """The page, with its counters at its end; its hash as it was sent."""

    page: Page
    hash: str

    @property
    def name(self) -> Parent:
        """The page as another ledger's parent."""
        return Parent(ledger_id=self.page.ledger_id, seq=self.page.seq, hash=self.hash)


def ask(get: Get, ledgers: str, host_id: str) -> LastPage | None:
    """The host's last page that counts; None where none does. `ledgers`: the path of the resource.

    Raises OSError, HTTPException, and SpoolError where the answer makes no sense.
    """
    status, body = get(f"{ledgers}/{host_id}")
    if status == HTTPStatus.NOT_FOUND:
        return None
    try:
        head = msgspec.json.decode(body, type=Head)
        pages = f"{ledgers}/{host_id}/{head.ledger_id}/pages"
        trail = [_page(get, pages, head.seq, head.hash)]
        while not tells_end(trail[0]) and trail[0].seq and len(trail) < MOST_PAGES:
            first = trail[0]
            trail.insert(0, _page(get, pages, first.seq - 1, first.previous_hash))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, PageError) as error:
        raise SpoolError(
            f"the service answers {status} to the question which page of {host_id} counts last, "
            f"and no page that can be read: {error}"
        ) from error
    return LastPage(known_end(trail), head.hash)


def _page(get: Get, pages: str, seq: int, page_hash: str) -> Page:
    _, body = get(f"{pages}/{seq}")
    if hash_bytes(body) != page_hash:
        raise PageError(f"page {seq} does not have its hash")
    return decode(body)
