"""Clients that hold connections: slow heads, slow bodies, answers not taken, too many at once.

A test waits for the service to close a connection, however long that takes: nothing is decided by
how fast this machine is.
"""

import contextlib
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from footprint.service.settings import digest
from tests.pages import batch, make_ledger
from tests.service import wire
from tests.service.house import JSON, House
from tests.service.test_limits import refused

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
TOKEN = "a-token-of-enough-randomness"
HEAD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"


def test_a_head_that_does_not_come_ends_the_connection(tmp_path: Path) -> None:
    """Begun, it is answered 408; never begun, there is nothing to answer."""
    with House(tmp_path / "f.db", NOON, head_seconds=0.2) as house:
        begun = wire.ask(house, HEAD)
        assert begun.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in begun.lower()
        assert b"urn:footprint:problem:timeout" in begun
        assert wire.ask(house, b"") == b""
        assert refused(house, "slow_head") == 1


def test_a_head_that_drips_has_no_more_time(tmp_path: Path) -> None:
    """Each byte resets uvicorn's own timer, and not this one; nor does a served request."""
    with (
        House(tmp_path / "f.db", NOON, head_seconds=0.5) as house,
        wire.connected(house) as connection,
    ):
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.settimeout(0.05)
        connection.sendall(HEAD + b"X: ")
        answer = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                connection.sendall(b"G")
                data = connection.recv(65536)
                if not data:
                    break
                answer += data
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("the connection is open after 60 s")
        assert refused(house, "slow_head") == 1


def test_hundreds_of_slow_heads_do_not_keep_a_client_out(tmp_path: Path) -> None:
    """All connections are taken, and those that take them drip; a sender of pages is served, and
    each of its pages is held."""
    pages = make_ledger(10)
    with (
        House(tmp_path / "f.db", NOON, connections=200, head_seconds=600) as house,
        contextlib.ExitStack() as held,
    ):
        slow = [held.enter_context(wire.connected(house)) for _ in range(400)]
        for connection in slow:
            with contextlib.suppress(OSError):
                connection.sendall(HEAD)
        for page in pages:
            with httpx.Client(base_url=house.address, timeout=60) as client:
                answer = client.post("/v1/pages", content=batch([page]), headers=JSON)
                assert answer.json()["accepted"] == 1
        for connection in slow[-150:]:
            with contextlib.suppress(OSError):
                connection.sendall(b"X")
        assert len(house.content()["page"]) == 10
        assert refused(house, "connections") >= 200


def test_a_body_that_drips_is_given_up(tmp_path: Path) -> None:
    """However lively it drips."""
    with (
        House(tmp_path / "f.db", NOON, body_seconds=0.3) as house,
        wire.connected(house) as connection,
    ):
        connection.sendall(wire.POST + b"\r\n")
        connection.settimeout(0.02)
        for _ in range(3000):
            with contextlib.suppress(TimeoutError):
                connection.sendall(b"{")
                if connection.recv(20).startswith(b"HTTP/1.1 408 "):
                    break
        else:
            pytest.fail("the body drips on")
        assert refused(house, "slow_body") == 1


def test_what_comes_after_a_refusal_is_not_read_for_ever(tmp_path: Path) -> None:
    """A body that nobody asked for is no way to keep a connection."""
    with (
        House(tmp_path / "f.db", NOON, head_seconds=0.3) as house,
        wire.connected(house) as connection,
    ):
        connection.sendall(HEAD + b"Content-Length: 9999\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.settimeout(0.02)
        for _ in range(3000):
            try:
                connection.sendall(b"x")
                if not connection.recv(65536):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("the connection is still open")


def test_an_answer_that_is_not_taken_is_given_up(tmp_path: Path) -> None:
    """The service keeps neither the connection nor the answer."""
    with House(tmp_path / "f.db", NOON, stall_seconds=0.2, head_seconds=600) as house:
        asked = b"GET /method HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(60)
            connection.connect(wire.address(house))
            deadline = time.monotonic() + 60
            while refused(house, "stalled") == 0:  # none of the answers is read
                assert time.monotonic() < deadline, "the answer is still kept"
                with contextlib.suppress(OSError):
                    connection.sendall(asked)


def test_where_every_connection_is_being_served_one_more_is_told_so(tmp_path: Path) -> None:
    """503 with Retry-After, and nobody who is served is cut off; a closed one makes room."""
    with House(tmp_path / "f.db", NOON, connections=3, head_seconds=600) as house:
        with contextlib.ExitStack() as held:
            busy = [held.enter_context(wire.connected(house)) for _ in range(3)]
            for connection in busy:
                connection.sendall(wire.POST + b"Expect: 100-continue\r\n\r\n")
                assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
            answer = wire.ask(house, b"")
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 2" in answer.lower()
        assert house.get("/livez").status_code == 200


def test_a_gigabyte_is_refused_unread(tmp_path: Path) -> None:
    """Declared, it is refused by its head; in chunks, at the cap, also where the sender goes on."""
    with House(tmp_path / "f.db", NOON, body_limit_bytes=100_000) as house:
        head = wire.POST.replace(b"100", b"1000000000")
        with wire.connected(house) as connection:
            connection.sendall(head + b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
        head = wire.POST.replace(b"Content-Length: 100", b"Transfer-Encoding: chunked")
        with wire.connected(house) as connection:
            connection.sendall(head + b"\r\n")
            with contextlib.suppress(OSError):
                for _ in range(200):
                    connection.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
        assert refused(house, "too_large") == 2


def test_a_body_shorter_than_its_length_is_no_body(tmp_path: Path) -> None:
    """A length that lies stores nothing, and the log has no line of it."""
    with House(tmp_path / "f.db", NOON) as house:
        body = batch(make_ledger(1))
        with wire.connected(house) as connection:
            head = wire.POST.replace(b"100", str(len(body) + 1).encode())
            connection.sendall(head + b"\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
            assert not wire.all_of(connection).startswith(b"HTTP/1.1 200")
        assert house.content()["page"] == []


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: +2\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_refused(house: House, framing: bytes) -> None:
    """A proxy and this service must never disagree where a request ends."""
    head = b"POST /v1/pages HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    answer = wire.ask(house, head + framing + b"\r\n0\r\n\r\n")
    assert answer.partition(b" ")[2][:3] in (b"400", b"501")


@pytest.mark.parametrize("hosts", [b"", b"Host: localhost\r\nHost: elsewhere\r\n"])
def test_a_request_names_one_host(house: House, hosts: bytes) -> None:
    """RFC 9112, 3.2: a proxy might take the other one."""
    answer = wire.ask(house, b"GET /livez HTTP/1.1\r\nConnection: close\r\n" + hosts + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "more",
    [
        b"X: " + b"x" * 100_000,
        b"X: " + b"x" * 100_000 + b"\r\n\r\n",
        b"X: y\r\n" * 20_000,
        b"X: y\r\n" * 20_000 + b"\r\n",
    ],
    ids=["one header, no end", "one header", "many headers, no end", "many headers"],
)
def test_a_head_without_end_is_refused(house: House, more: bytes) -> None:
    """16 KiB of it, and no more is kept."""
    answer = wire.ask(house, HEAD + more)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


UPGRADE = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"


def test_who_asks_for_another_protocol_is_answered_in_this_one(house: House) -> None:
    """RFC 9110, 7.8; a body is never taken for a request, however many packets bring both."""
    with wire.connected(house) as connection:
        for _ in range(2):
            connection.sendall(HEAD + UPGRADE + b"\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 ")
    hidden = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with wire.connected(house) as connection:
        head = wire.POST.replace(b"100", str(len(hidden)).encode())
        connection.sendall(head + UPGRADE + b"\r\n")
        with contextlib.suppress(OSError):
            connection.sendall(hidden)
        assert wire.all_of(connection).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_says_no_more_gets_its_answer(house: House) -> None:
    """Its request is whole, and what it asked for is done: it has to be told."""
    body = batch(make_ledger(1))
    for _ in range(2):
        with wire.connected(house) as connection:
            connection.sendall(wire.POST.replace(b"100", str(len(body)).encode()) + b"\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
            assert wire.all_of(connection).startswith(b"HTTP/1.1 200 ")


def test_what_follows_a_request_is_answered_after_it(house: House) -> None:
    """In its order, and no request is HTTP only because one before it was."""
    few = wire.ask(house, (HEAD + b"\r\n") * 40 + b"garbage\r\n\r\n")
    assert few.count(b"HTTP/1.1 200 ") == 40
    assert few.count(b"HTTP/1.1 400 ") == 1


def test_after_a_refusal_little_more_is_read_and_nothing_more_is_said(tmp_path: Path) -> None:
    """As much as a body may have; then the sender waits until the connection is dropped."""
    with House(tmp_path / "f.db", NOON, body_limit_bytes=100_000, head_seconds=2) as house:
        with wire.connected(house) as connection:
            connection.sendall(wire.POST.replace(b"100", b"99999999999") + b"\r\n")
            sent = 0
            with contextlib.suppress(OSError):
                while True:
                    sent += connection.send(b" " * 65536)
            with contextlib.suppress(OSError):
                answer = wire.all_of(connection)
                assert answer.count(b"HTTP/1.1 ") <= 1
        assert sent < 50_000_000  # what lies in the sockets' buffers
        assert refused(house, "slow_head") == 0


def test_a_trailer_is_no_header(tmp_path: Path) -> None:
    """What comes after the body cannot say who sent it, nor what it is."""
    with House(tmp_path / "f.db", NOON, token_sha256=digest(TOKEN)) as house:
        chunked = wire.POST.replace(b"Content-Length: 100", b"Transfer-Encoding: chunked")
        trailer = f"Authorization: Bearer {TOKEN}\r\n".encode()
        body = batch(make_ledger(1))
        sent = b"%s%s\r\n%x\r\n%s\r\n0\r\n" % (chunked, b"Connection: close\r\n", len(body), body)
        assert wire.ask(house, sent + trailer + b"\r\n").startswith(b"HTTP/1.1 401 ")
        named = sent.replace(b"Connection", trailer + b"Connection", 1)
        assert wire.ask(house, named + b"\r\n").startswith(b"HTTP/1.1 200 ")
