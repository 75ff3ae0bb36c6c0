"""Pushing: pages stay until the service's head says that it holds them, whatever it answers."""

import logging
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from exporters import push
from exporters.errors import SettingsError
from exporters.spool import Spool
from footprint.ledger import Envelope, Head
from tests.exporters.spools import HOST, fill
from tests.exporters.web import Web, serving
from tests.running import wait_until
from tests.tools import require_tool

TOKEN = "s3cret-t0ken-of-this-host"


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A spool with three pages that wait."""
    result = Spool(tmp_path / "spool.db", HOST)
    fill(result, 3)
    yield result
    result.close()


class Run:
    """A pusher at work against a server, with what it counted and logged."""

    def __init__(
        self, spool: Spool, web: Web, log: pytest.LogCaptureFixture, token: str | None = TOKEN
    ) -> None:
        self.spool, self.log = spool, log
        self.counts: dict[str, int] = {}
        web.ledger_id = spool.ledger_id
        log.set_level(logging.INFO)
        self.pusher = push.Pusher(spool, push.Service(web.url, token), self._count, web.url)

    def _count(self, result: str) -> None:
        self.counts[result] = self.counts.get(result, 0) + 1

    def until_sent(self) -> None:
        """Let it run until nothing waits."""
        self.pusher.start()
        self.wait(lambda: self.spool.counts().waiting == 0, "the pages to be acknowledged")
        self.end()

    def until_logged(self, text: str) -> None:
        """Let it run until a line says `text`."""
        self.pusher.start()
        self.wait(lambda: text in self.log.text, f"{text!r} in the log")
        self.end()

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait, waking the pusher as new pages do, so that it tries again at once."""

        def met() -> bool:
            self.pusher.wake()
            return condition()

        wait_until(met, what)

    def end(self) -> None:
        """Stop it; it ends, and says nothing of the token and shows no traceback."""
        self.pusher.stop(30)
        self.pusher._service.close()
        assert not self.pusher.is_alive()
        assert TOKEN not in self.log.text
        assert "Traceback" not in self.log.text

    @property
    def lines(self) -> list[str]:
        """What was logged."""
        return [record.getMessage() for record in self.log.records]


def test_pages_are_sent_once_with_the_token(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    """Every byte arrives, in order, the token goes with each request, and nothing is logged."""
    with serving() as web:
        run = Run(spool, web, caplog)
        run.until_sent()
    assert web.bodies == list(spool.bodies())
    assert {authorization for _, _, authorization in web.requests} == {f"Bearer {TOKEN}"}
    assert (run.counts, run.lines) == ({"accepted": 1}, [])


UGLY = {
    "500": (500, b'{"title": "broken", "detail": "out of\\n order"}'),
    "401": (401, b'{"title": "unauthorized"}'),
    "html": (502, b"<html>bad gateway</html>"),
    "no utf-8": (500, b'{"title": "\xff"}'),
    "deep": (500, b"[" * 200_000),
    "huge": (500, b'{"detail": "' + b"x" * 3_000_000 + b'"}'),
    "empty": (200, b""),
    "200 without our head": (200, b'{"heads": []}'),
    "null heads": (200, b'{"heads": null}'),
    "hang up": "hang up",
}


@pytest.mark.parametrize("step", UGLY.values(), ids=UGLY)
def test_an_ugly_answer_costs_one_line_and_no_page(
    spool: Spool, caplog: pytest.LogCaptureFixture, step: object
) -> None:
    """The pages wait, the trouble is one short line, they are sent again, and that is said too."""
    with serving() as web:
        web.script = [step, step]
        run = Run(spool, web, caplog)
        run.until_sent()
    assert web.bodies == list(spool.bodies())
    trouble, well = run.lines
    assert "pages stay in the spool" in trouble
    assert "\n" not in trouble
    assert len(trouble) < 600
    assert well.endswith("takes pages again")
    assert run.counts["accepted"] >= 1


def test_pages_that_arrived_although_the_answer_did_not_are_sent_again_unharmed(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """The service held them already: the head says so, and each is there once."""
    with serving() as web:
        web.script = ["take and hang up"]
        run = Run(spool, web, caplog)
        run.until_sent()
    assert web.bodies == list(spool.bodies())
    assert web.batches == [3, 3]


def test_a_head_further_back_brings_the_lost_pages_again(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """A service restored from a backup answers 409 with its head: what it lost is sent again, at
    once, and an operator is told."""
    with serving() as web:
        Run(spool, web, caplog).until_sent()
        fill(spool, 1, first=3)
        run = Run(spool, web, caplog)
        run.pusher._compare_heads()
        del web.bodies[1:]
        assert run.pusher._send_waiting()
        run.pusher._service.close()
    assert web.bodies == list(spool.bodies())
    assert run.counts == {"refused": 1, "accepted": 1, "lost": 1}
    (line,) = run.lines
    assert "lost 2 pages that it had acknowledged (was it restored?); they are sent again" in line


def test_the_head_asked_at_the_start_decides_what_waits(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """Pages that the spool believes delivered and the service does not hold are sent."""
    spool.acknowledge(2)
    with serving() as web:
        run = Run(spool, web, caplog)
        run.pusher._compare_heads()
        assert spool.counts().waiting == 3
        run.until_sent()
    assert web.bodies == list(spool.bodies())


@pytest.mark.parametrize(("seq", "hash_"), [(1, "f" * 64), (40, "e" * 64)])
def test_another_ledger_under_the_same_name_acknowledges_nothing(
    spool: Spool, caplog: pytest.LogCaptureFixture, seq: int, hash_: str
) -> None:
    """A head with a hash that is not ours, or further than ours, is a line, no acknowledgement."""
    with serving() as web:
        head = Head(HOST, spool.ledger_id, seq, hash_)
        web.script = [(200, msgspec.json.encode({"heads": [head]}))] * 50
        run = Run(spool, web, caplog)
        run.until_logged(f"holds another page {seq} of this ledger")
    assert spool.counts().waiting == 3


def test_heads_of_others_acknowledge_nothing(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """Only this host's ledger counts."""
    with serving() as web:
        heads = [Head("host-2", spool.ledger_id, 2, "f" * 64), Head(HOST, "0" * 36, 2, "f" * 64)]
        web.script = [(200, msgspec.json.encode({"heads": heads}))] * 50
        run = Run(spool, web, caplog)
        run.until_logged("without saying that it holds the pages")
    assert spool.counts().waiting == 3


def test_a_backlog_is_sent_in_bounded_batches(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """Five hundred pages go in three requests."""
    fill(spool, 497, first=3)
    with serving() as web:
        Run(spool, web, caplog).until_sent()
    assert web.batches == [200, 200, 100]
    assert web.bodies == list(spool.bodies())


def test_no_connection_is_kept_while_nothing_is_sent(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """A server drops idle connections; the next page must not meet a stale one."""
    with serving() as web:
        run = Run(spool, web, caplog)
        run.pusher.start()
        wait_until(lambda: spool.counts().waiting == 0, "the first pages")
        wait_until(lambda: run.pusher._service._connection.sock is None, "the connection to close")
        run.end()


def test_a_spool_that_fails_is_one_line_and_the_pusher_goes_on(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """A spool that cannot take an acknowledgement is said, and tried again until it can."""
    with serving() as web:
        run = Run(spool, web, caplog)
        spool._db.execute("PRAGMA query_only = 1")
        run.pusher.start()
        run.wait(lambda: "readonly database" in caplog.text, "the line")
        assert run.pusher.is_alive()
        spool._db.execute("PRAGMA query_only = 0")
        run.wait(lambda: spool.counts().waiting == 0, "the acknowledgement")
        run.end()
    assert web.bodies == list(spool.bodies())
    assert sum("spool: cannot write" in line for line in run.lines) == 1


@pytest.mark.parametrize("seq", [2**53, 2**64, -2])
def test_a_head_with_an_impossible_number_acknowledges_nothing(
    spool: Spool, caplog: pytest.LogCaptureFixture, seq: int
) -> None:
    """A number that no ledger reaches is an answer that cannot be read, whatever its hash."""
    with serving() as web:
        head = {"host_id": HOST, "ledger_id": spool.ledger_id, "seq": seq, "hash": "f" * 64}
        web.script = [(200, msgspec.json.encode({"heads": [head]}))]
        run = Run(spool, web, caplog)
        run.until_sent()
    assert web.bodies == list(spool.bodies())
    assert "an answer that is not ours to read" in run.lines[0]
    assert "failed" not in run.counts


def test_quarantined_pages_are_acknowledged_and_said(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """They never block the ledger, and the host's log says that what they hold is missing."""
    with serving() as web:
        ours = Head(HOST, spool.ledger_id, 2, spool.waiting(3)[2].hash)
        web.script = [(200, msgspec.json.encode({"heads": [ours], "quarantined": 2}))]
        run = Run(spool, web, caplog)
        run.until_sent()
    assert run.counts == {"accepted": 1, "quarantined": 1}
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "keeps 2 pages out of its totals" in record.getMessage()


class _FailsTwice(push.Service):
    """A connection that meets what nobody thought of, two times."""

    left = 2

    def send(self, pages: list[Envelope]) -> tuple[int, push.Answer]:
        if self.left:
            self.left -= 1
            raise LookupError("nobody\nthought of this")
        return super().send(pages)


def test_what_nobody_thought_of_is_one_line_and_the_pusher_goes_on(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread outlives any error: it is counted, said once, and the pages are sent after."""
    with serving() as web:
        run = Run(spool, web, caplog)
        run.pusher._service = _FailsTwice(web.url, TOKEN)
        run.until_sent()
    assert web.bodies == list(spool.bodies())
    assert (run.counts["failed"], run.counts["accepted"]) == (2, 1)
    assert run.lines[0] == ("push: LookupError: nobody thought of this; pages stay in the spool")
    assert run.lines[1].endswith("takes pages again")


def test_nobody_listening_is_one_line_with_the_address(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """A service that is down is named once, not once a try."""
    with serving() as web:
        pass
    run = Run(spool, web, caplog)
    run.pusher.start()
    run.wait(lambda: run.counts.get("unreachable", 0) >= 4, "four tries")
    run.end()
    assert len(run.lines) == 1
    assert f"cannot reach the service at {web.url}: " in run.lines[0]
    assert spool.counts().waiting == 3


def test_a_certificate_that_nobody_vouches_for_is_refused(
    spool: Spool, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Neither pages nor token go to a server with a self-signed certificate."""
    openssl = require_tool("openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *files],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(context) as web:
        run = Run(spool, web, caplog)
        run.until_logged("CERTIFICATE_VERIFY_FAILED")
    assert (web.requests, web.bodies) == ([], [])
    assert spool.counts().waiting == 3


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two words", b"two\nlines", "clé".encode(), b"\xff\x00"]
)
def test_a_token_file_that_holds_no_token_is_refused_without_showing_it(
    tmp_path: Path, content: bytes
) -> None:
    """What is not one word of visible ASCII names the file and not its content."""
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        push.read_token(str(file))
    assert str(caught.value) == (
        f"token_file: {file} does not hold one token of visible ASCII characters; "
        "write the token alone into it"
    )


def test_a_token_is_taken_without_its_end_of_line(tmp_path: Path) -> None:
    """Editors add a newline; a missing file is named."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert push.read_token(str(file)) == TOKEN
    with pytest.raises(SettingsError, match=r"absent: No such file"):
        push.read_token(str(tmp_path / "absent"))


@pytest.mark.parametrize(
    "url",
    [
        "http://host:port",
        "http://[::1",
        "http://",
        "http://host:99999999",
        "https://user:hunter2@host",
        "https://host/?page=1",
        "https://hôte.fr",
        "https://ho st",
    ],
)
def test_an_address_that_cannot_be_reached_is_refused_at_the_start(url: str) -> None:
    """One line with the form; a password in it is not repeated."""
    with pytest.raises(SettingsError, match=r"service: .*write https://HOST") as caught:
        push.Service(url, None)
    assert "hunter2" not in str(caught.value)
