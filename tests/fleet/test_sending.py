"""What a service answers otherwise than promised becomes a finding; what a network does, does not.

The service here is a real HTTP server that says what the test tells it to.
"""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from footprint.fleet.errors import FleetError
from footprint.fleet.sending import Behind, Refused, Sender
from footprint.fleet.turns import Parcel
from footprint.fleet.wire import address
from footprint.ledger import Batch, Envelope, Head, hash_bytes
from tests.fleet.conftest import TOKEN
from tests.pages import make_ledger

PAGES = make_ledger(4)
ENVELOPES = [Envelope(page.hash, msgspec.Raw(page.body)) for page in PAGES]
LEDGER = PAGES[0].page.ledger_id


def parcel(promised: str = "taken", quarantined: int = 0) -> Parcel:
    """Pages 0 to 3 of a ledger."""
    return Parcel("host-1", LEDGER, ENVELOPES, 0, 3, promised, quarantined)


def receipt(accepted: int, duplicates: int = 0, quarantined: int = 0, seq: int = 3) -> Any:
    """An answer to a batch."""
    head = Head("host-1", LEDGER, seq, PAGES[seq].hash if seq >= 0 else "0" * 64)
    counts = {"accepted": accepted, "duplicates": duplicates, "quarantined": quarantined}
    return 200, {"heads": [head], **counts}


def problem(status: int, kind: str, seq: int = -1) -> Any:
    """A refusal; the head held is page `seq`."""
    head = Head("host-1", LEDGER, seq, PAGES[seq].hash if seq >= 0 else "0" * 64)
    words = {"type": f"urn:footprint:problem:{kind}", "detail": "so it is", "heads": [head]}
    return status, words


class Scripted(ThreadingHTTPServer):
    """Answers what it is told, in order, the last again and again; keeps what was posted."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[Any] = []
        self.bodies: list[bytes] = []
        self.tokens: list[str] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.tokens.append(self.headers.get("Authorization", ""))
            answers = self.server.answers
            status, content = answers.pop(0) if len(answers) > 1 else answers[0]
        text = msgspec.json.encode(content)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
        """Not on standard error."""


@pytest.fixture
def service() -> Iterator[Scripted]:
    """The server, running."""
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sender(service: Scripted) -> Iterator[Sender]:
    """A fleet's way to it."""
    made = Sender(address(service.url, TOKEN), patience_seconds=1)
    yield made
    made.close()


HOLE = problem(409, "chain-hole")
PROMISED = [
    ("", parcel(), [receipt(4)]),
    ("", parcel(quarantined=1), [receipt(3, quarantined=1)]),
    ("", parcel("page-conflict"), [problem(409, "page-conflict", 3)]),
    ("", parcel(), [problem(503, "unavailable"), receipt(4)]),
    ("", parcel(), [problem(429, "busy"), receipt(0, duplicates=4)]),
    ("lost-before", parcel(), [receipt(4)]),
    ("lost-after", parcel(), [receipt(4), receipt(0, duplicates=4)]),
    ("duplicated", parcel(), [receipt(4), receipt(0, duplicates=4)]),
    ("reordered", parcel(), [HOLE, receipt(4)]),
    ("wrong-token", parcel(), [problem(401, "unauthorized"), receipt(4)]),
]


@pytest.mark.parametrize(("fault", "sent", "answers"), PROMISED)
def test_what_was_promised_is_no_finding(
    service: Scripted, sender: Sender, fault: str, sent: Parcel, answers: list[Any]
) -> None:
    """Each fault, answered as the table of faults says."""
    service.answers = answers
    sender.deliver(sent, fault)
    assert sender.tally.findings == []
    assert sender.tally.faults[fault] == bool(fault)


BROKEN = [
    (("", parcel(), [receipt(3)]), "4 pages, 0 to be quarantined; the service accepted 3"),
    (("", parcel(), [receipt(0, duplicates=4)]), "had 4 already"),
    (("", parcel(quarantined=1), [receipt(4)]), "accepted 4, quarantined 0"),
    (("", parcel(), [receipt(3, quarantined=1)]), "accepted 3, quarantined 1"),
    (("", parcel(), [receipt(4, seq=2)]), "acknowledged with the head 2"),
    (("", parcel("page-conflict"), [receipt(4)]), "promised 409 page-conflict, got 200"),
    (("duplicated", parcel(), [receipt(4)]), "sent twice, accepted 2 times"),
    (("duplicated", parcel(), [receipt(0, duplicates=4)]), "sent twice, accepted 0 times"),
    (("reordered", parcel(), [receipt(2), receipt(4)]), "promised 409 chain-hole, got 200"),
    (("wrong-token", parcel(), [receipt(4), receipt(4)]), "promised 401 unauthorized, got 200"),
]


@pytest.mark.parametrize(("case", "words"), BROKEN)
def test_a_broken_promise_is_found(
    service: Scripted, sender: Sender, case: tuple[str, Parcel, list[Any]], words: str
) -> None:
    """Each judgement can fail, and names host, ledger and pages."""
    fault, sent, service.answers = case
    sender.deliver(sent, fault)
    assert words in sender.tally.findings[0]
    assert f"host host-1, ledger {LEDGER}, pages 0 to 3" in sender.tally.findings[0]


def test_a_refusal_that_was_not_promised_ends_the_host(service: Scripted, sender: Sender) -> None:
    """It is a finding, and the host sends no more."""
    service.answers = [problem(403, "other-host")]
    with pytest.raises(Refused):
        sender.deliver(parcel(), "")
    assert "refused: 403 other-host so it is" in sender.tally.findings[0]


def test_a_service_that_lost_pages_is_noticed(service: Scripted, sender: Sender) -> None:
    """Its head is before what it acknowledged: no finding, everything is sent again."""
    service.answers = [problem(409, "chain-hole", 0)]
    later = Parcel("host-1", LEDGER, ENVELOPES[2:], 2, 3, "taken", 0)
    with pytest.raises(Behind):
        sender.deliver(later, "")
    assert sender.tally.findings == []


def test_patience_ends(service: Scripted, sender: Sender) -> None:
    """A service that never answers well ends the fleet with what it said last."""
    service.answers = [problem(503, "unavailable")]
    with pytest.raises(FleetError, match="no answer in 1 s: 503 unavailable so it is"):
        sender.deliver(parcel(), "")
    assert sender.tally.troubles["503"] > 2


def test_a_token_that_is_not_the_services_ends_the_fleet(service: Scripted, sender: Sender) -> None:
    """Every host would be refused: one line with the remedy."""
    service.answers = [problem(401, "unauthorized")]
    with pytest.raises(FleetError, match="--token-file: the service wants another token"):
        sender.deliver(parcel(), "")


def test_only_the_wrong_token_is_wrong(service: Scripted, sender: Sender) -> None:
    """The right one is sent with every other request."""
    service.answers = [problem(401, "unauthorized"), receipt(4)]
    sender.deliver(parcel(), "wrong-token")
    assert [token == f"Bearer {TOKEN}" for token in service.tokens] == [False, True]


def test_reordered_sends_the_second_half_first(service: Scripted, sender: Sender) -> None:
    """Then all of them."""
    service.answers = [HOLE, receipt(4)]
    sender.deliver(parcel(), "reordered")
    sent = [msgspec.json.decode(body, type=Batch).pages for body in service.bodies]
    assert [[hash_bytes(bytes(page.page)) for page in pages] for pages in sent] == [
        [page.hash for page in PAGES[2:]],
        [page.hash for page in PAGES],
    ]
