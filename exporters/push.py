"""Sending sealed pages to the service, again and again until it says that it holds them.

In: pages that wait in a ledger's file. Out: `POST /v1/pages` (`/v1/usage` for pages of usage); the
service answers with its heads, and its head decides: what it holds is acknowledged, what it lost
(restored from a backup) is sent again. A thread of its own: a slow service never delays a tick.
"""

import contextlib
import http.client
import logging
import random
import threading
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

import msgspec

from exporters import link
from exporters.errors import DamagedError, SettingsError, SpoolError
from exporters.heir import Found
from exporters.last_page import LastPage, ask
from exporters.ledger_file import LedgerFile
from footprint.ledger import Batch, Envelope, Head, Parent

BATCH_PAGES = 200
BATCH_BYTES = 2 * 1024 * 1024
"""What a backlog may cost in memory, some times over; one page is sent whatever its size."""

PACKED = {"Content-Encoding": "zstd"}
NOTHING_MORE: Mapping[str, str] = {}
CHECK_SECONDS = 300
LONGEST_PAUSE_SECONDS = 60.0
MAX_ANSWER_BYTES = 1_000_000
MAX_PAGE_BYTES = 64 * 1024 * 1024
FORMER_PAGES = 50
MAX_LOGGED_CHARACTERS = 300

log = logging.getLogger("footprint.push")


class Answer(msgspec.Struct):
    """What is needed of the service's answer, success or problem."""

    heads: list[Head] = []
    title: str = ""
    detail: str = ""
    quarantined: int = 0


class _Diverged(Exception):  # noqa: N818 - a state of the ledger, not of this program
    """The service holds another page than ours under a number of ours."""


_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Resource(msgspec.Struct, frozen=True):
    """Where the service takes pages of one kind, and where it says which it holds of a ledger."""

    take: str
    ledgers: str


split_url, connect, read_token = link.split_url, link.connect, link.read_token

ENERGY = Resource("/v1/pages", "/v1/ledgers")
USAGE = Resource("/v1/usage", "/v1/usage/ledgers")


class Service:
    """One connection to the service, kept open. `token_file` is read again where the token is
    refused: it may have been replaced."""

    def __init__(
        self,
        url: str,
        token: str | None,
        resource: Resource = ENERGY,
        token_file: str | None = None,
        trust: link.Trust = link.OF_THE_SYSTEM,
    ) -> None:
        scheme, host, port, self._base = split_url(url)
        self._resource = resource
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._token_file = token_file
        self._connection = connect(scheme, host, port, trust)
        self._takes_packed = True
        self.asked_seconds = 0.0
        """For how long the last answer asks to be left alone."""
        self.dated: Callable[[float], None] | None = None
        """Told the date of every answer, in seconds since 1970."""

    def send(self, pages: list[Envelope]) -> tuple[int, Answer]:
        """Post a batch; the status and the answer. Raises OSError, HTTPException."""
        body = msgspec.json.encode(Batch(pages))
        packed = link.pack(body) if self._takes_packed else None
        if packed is not None:
            status, answer = self._ask("POST", self._resource.take, packed, PACKED)
            if status != http.client.UNSUPPORTED_MEDIA_TYPE:
                return status, answer
            self._takes_packed = False  # an older service: from now on as it is
        return self._ask("POST", self._resource.take, body)

    def head(self, host_id: str, ledger_id: str) -> Head | None:
        """The last page that the service holds of a ledger; None where it does not say."""
        status, body = self._exchange(
            "GET", f"{self._resource.ledgers}/{host_id}/{ledger_id}", None
        )
        if status != http.client.OK:
            return None
        try:
            return msgspec.json.decode(body, type=Head)
        except _NOT_JSON:
            return None

    def last_page(self, host_id: str) -> LastPage | None:
        """The host's newest page that counts there; None where none does. Raises OSError,
        HTTPException, SpoolError where the answer makes no sense."""

        def get(path: str) -> tuple[int, bytes]:
            return self._exchange("GET", path, None, MAX_PAGE_BYTES)

        return ask(get, self._resource.ledgers, host_id)

    def _note_date(self, response: http.client.HTTPResponse) -> None:
        if self.dated:
            with contextlib.suppress(ValueError, TypeError):
                self.dated(parsedate_to_datetime(response.headers["Date"]).timestamp())

    def close(self) -> None:
        """Close the connection; the next call opens it anew."""
        self._connection.close()

    def _ask(
        self, method: str, path: str, body: bytes, more: Mapping[str, str] = NOTHING_MORE
    ) -> tuple[int, Answer]:
        status, answer = self._exchange(method, path, body, more=more)
        if status == http.client.UNAUTHORIZED and self._renewed():
            status, answer = self._exchange(method, path, body, more=more)
        try:
            return status, msgspec.json.decode(answer, type=Answer)
        except _NOT_JSON:
            return status, Answer(title="an answer that is not ours to read")

    def _renewed(self) -> bool:
        """Whether the file has another token by now, which is used from then on."""
        try:
            token = read_token(self._token_file)
        except SettingsError:
            return False
        fresh = f"Bearer {token}"
        if token is None or fresh == self._headers.get("Authorization"):
            return False
        self._headers["Authorization"] = fresh
        return True

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        most_bytes: int = MAX_ANSWER_BYTES,
        more: Mapping[str, str] = NOTHING_MORE,
    ) -> tuple[int, bytes]:
        self.asked_seconds = 0.0
        try:
            self._connection.request(method, self._base + path, body, {**self._headers, **more})
            response = self._connection.getresponse()
            self._note_date(response)
            self.asked_seconds = link.asked_seconds(response)
            answer = response.read(most_bytes)
            if not response.isclosed():
                self.close()  # the rest is not worth reading; the next call begins afresh
            return response.status, answer
        except BaseException:
            self.close()
            raise


class Pusher(threading.Thread):
    """Sends what waits when told that there is something, and when the last try failed. `trouble`
    is told of a ledger that cannot go on as it is, by whoever writes it."""

    def __init__(
        self,
        spool: LedgerFile,
        service: Service,
        count: Callable[[str], None],
        url: str,
        trouble: "Callable[[Found | DamagedError], None] | None" = None,
        *,
        jitter_seconds: float = 0.0,
    ) -> None:
        super().__init__(name="push", daemon=True)
        self._spool = spool
        self._service = service
        self._count = count
        self._url = url
        self._tell = trouble
        self._jitter_seconds = jitter_seconds
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._stopping = False
        self._failures = 0
        self._trouble = ""
        self._heir = ""
        self.quarantined = 0
        """Pages that the service kept out of its totals."""

    def wake(self) -> None:
        """There are new pages."""
        self._wake.set()

    def ask_for_heir(self, why: str) -> None:
        """Have it found out where another ledger takes up whose time is another."""
        self._heir = why
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Try once more, for `seconds` at most, then end."""
        self._stopping = True
        self._ended.set()
        self._wake.set()
        self.join(seconds)

    def run(self) -> None:
        """Until told to stop: compare heads, send, wait."""
        self._attempt(self._compare_heads)
        while True:
            sent_all = self._attempt(self._send_waiting)
            self._service.close()  # servers drop idle connections: the next try would fail
            if self._stopping:
                return
            if self._service.asked_seconds:
                self._rest(self._service.asked_seconds)
            elif self._wake.wait(self._pause(sent_all)):
                self._wake.clear()
                self._rest(random.uniform(0, self._jitter_seconds))  # noqa: S311 - see _pause
            elif sent_all:
                self._attempt(self._compare_heads)

    def _rest(self, seconds: float) -> None:
        """Leave the service alone, whatever comes, unless told to stop: a fleet seals its pages in
        the same second, and comes back to a busy service at different ones."""
        self._ended.wait(seconds * random.uniform(1.0, 1.1))  # noqa: S311 - see _pause

    def _pause(self, sent_all: bool) -> float:
        if sent_all:
            self._failures = 0
            return CHECK_SECONDS * random.uniform(0.9, 1.1)  # noqa: S311 - as below
        self._failures += 1
        most = min(LONGEST_PAUSE_SECONDS, 2.0 ** min(self._failures, 10))
        return random.uniform(most / 2, most)  # noqa: S311 - spreads a fleet, guards nothing

    def _attempt(self, step: Callable[[], bool]) -> bool:
        try:
            return step()
        except (SpoolError, _Diverged) as error:
            if isinstance(error, DamagedError) and self._tell:
                self._tell(error)
            if not self._stopping:
                self._warn(str(error))
        except (OSError, http.client.HTTPException) as error:
            self._count("unreachable")
            self._warn(f"cannot reach the service at {self._url}: {error}; pages stay in the spool")
        except Exception as error:  # noqa: BLE001 - the thread's edge: it must outlive any answer
            self._count("failed")
            said = " ".join(f"{type(error).__name__}: {error}".split())
            self._warn(f"{said}; pages stay in the spool")
        return False

    def _warn(self, line: str) -> None:
        """One line a trouble, again after every 60 tries that it lasts."""
        if line != self._trouble or (self._failures and self._failures % 60 == 0):
            log.warning("push: %s", line)
        self._trouble = line

    def _well(self) -> None:
        if self._trouble:
            log.info("push: the service at %s takes pages again", self._url)
        self._trouble = ""

    def _compare_heads(self) -> bool:
        self._confirm()
        head = self._service.head(self._spool.host_id, self._spool.ledger_id)
        if head is not None:
            self._follow([head])
        self._look_back()
        return True

    def _look_back(self) -> None:
        """A service restored from a backup lost pages of the ledgers before this one as well."""
        for ledger_id, newest in self._spool.former().items():
            self._send_former(ledger_id, newest)

    def _confirm(self) -> None:
        """A ledger begun after a loss asks first where it takes up. Raises _Diverged."""
        if self._tell is None or (self._spool.confirmed and not self._heir):
            return
        last = self._service.last_page(self._spool.host_id)
        if self._heir:
            why, self._heir = self._heir, ""
            self._diverged(why, last, last.name if last else None, clock=True)
        if last is None:
            self._spool.confirm()
            return
        why = "the spool was damaged or lost"
        self._diverged(why, last, last.name)

    def _diverged(
        self, why: str, last: LastPage | None, parent: Parent | None, *, clock: bool = False
    ) -> None:
        """Have the ledger followed by another, and say so. Raises _Diverged."""
        if self._tell:
            page, page_hash = (last.page, last.hash) if last else (None, "")
            self._tell(Found(self._spool.ledger_id, why, parent, page, page_hash, clock))
        raise _Diverged(f"{why}; pages stay in the spool")

    def _send_former(self, ledger_id: str, newest: int) -> None:
        """What the service lacks of a ledger before this one, where it is still here."""
        head = self._service.head(self._spool.host_id, ledger_id)
        while head and head.seq < newest:
            pages = self._spool.former_pages(head, FORMER_PAGES)
            status, answer = self._service.send(pages) if pages else (0, Answer())
            moved = [one for one in answer.heads if one.ledger_id == ledger_id]
            if status != http.client.OK or not moved or moved[0].seq <= head.seq:
                return
            self._count("accepted")
            head = moved[0]

    def _send_waiting(self) -> bool:
        self._confirm()
        while pages := self._spool.waiting(BATCH_PAGES, BATCH_BYTES):
            status, answer = self._service.send(pages)
            moved = self._follow(answer.heads)
            if status == http.client.OK:
                self._count("accepted")
                if answer.quarantined:
                    self._count("quarantined")
                    self.quarantined += answer.quarantined
                    log.error(
                        "push: the service at %s keeps %d pages out of its totals; look at the "
                        "reason there (footprint fsck), what they hold is missing",
                        self._url,
                        answer.quarantined,
                    )
                if not moved:
                    self._refused("answered without saying that it holds the pages", status, answer)
                    return False
                self._well()
                continue
            self._count("refused")
            if not (status == http.client.CONFLICT and moved):
                self._refused("refused pages", status, answer)
                return False
            self._look_back()
        return True

    def _refused(self, what: str, status: int, answer: Answer) -> None:
        said = " ".join(f"{status} {answer.title}: {answer.detail}".split())
        said = said[:MAX_LOGGED_CHARACTERS].rstrip(": ")
        self._warn(f"the service at {self._url} {what}: {said}; pages stay in the spool")

    def _follow(self, heads: list[Head]) -> bool:
        """Take the service's head for ours; whether it changes what waits."""
        for head in heads:
            if (head.host_id, head.ledger_id) == (self._spool.host_id, self._spool.ledger_id):
                if self._spool.disagrees(head):
                    self._look_into(head)
                before = self._spool.waiting(1)
                self._note_lost(self._spool.acknowledge(head.seq))
                after = self._spool.waiting(1)
                return [page.hash for page in before] != [page.hash for page in after]
        return False

    def _note_lost(self, pages: int) -> None:
        if not pages:
            return
        self._count("lost")
        text = "lost %d pages that it had acknowledged (was it restored?); they are sent again"
        log.error(f"push: the service at %s {text}", self._url, pages)

    def _look_into(self, head: Head) -> None:
        """The service's last page of this ledger is not ours: ask what it holds. Raises
        _Diverged."""
        why = (
            f"the service at {self._url} holds another page {head.seq} of this ledger than the "
            "spool (was either restored or copied?)"
        )
        if self._tell is None:
            raise _Diverged(f"{why}; pages stay in the spool")
        last = self._service.last_page(self._spool.host_id)
        parent = self._spool.before()
        if head.seq >= 0:
            parent = Parent(ledger_id=head.ledger_id, seq=head.seq, hash=head.hash)
        self._diverged(why, last, parent)
