"""A receiver that says something now and then, and never ends, holds up nobody for long."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
import pytest

from footprint.service import bounded, sending
from footprint.service.alert_settings import Alerts, Mail, Webhook
from footprint.service.bounded import Bounded
from footprint.service.errors import Held, SendError, SettingError
from footprint.service.store_alerts import Message
from tests.service.receivers import PUBLIC_URL, TO, Receiver, alerts

DRIP_SECONDS = 0.1
MESSAGE = Message("m", "webhook", TO, "b", "threshold", 50, 0, "raised", "{}", 0, 0)
TOLD = b"""{"format":1,"event":"raised","kind":"threshold","percent":50,"budget":"b","name":"b",
"project":"p","sia":null,"indicator":"energy","unit":"kWh","period":"2026","amount":"1",
"used":null,"interval":null,"forecast":null,"forecast_band":null,"exhausted":null,"coverage":0,
"recent_coverage":null,"state":"at_risk","at":"2026-11-01T00:00:00Z","link":"","subject":"s",
"text":"t"}""".decode()


@contextmanager
def dripping(first: bytes, drop: bytes) -> Iterator[int]:
    """A port of loopback on which everybody is told `first`, and then `drop` again and again."""
    ended = threading.Event()

    def serve(line: socket.socket) -> None:
        with line, suppress(OSError):
            line.sendall(first)
            while not ended.wait(DRIP_SECONDS):
                line.sendall(drop)

    def listen(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                line, _ = listener.accept()
                threading.Thread(target=serve, args=(line,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)


def gone() -> bool:
    """Whether no sending goes on."""
    return not any(thread.name == "send" for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.0 200 OK\r\n\r\n", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["headers", "body", "closing", "continue"],
)
def test_a_post_that_does_not_end_is_broken_off(
    monkeypatch: pytest.MonkeyPatch, first: bytes, drop: bytes
) -> None:
    """At its time; nothing of it goes on, and the next one is sent."""
    monkeypatch.setattr(bounded, "MOST_SECONDS", 0.5)
    with dripping(first, drop) as port:
        webhook = Webhook(f"http://127.0.0.1:{port}/")
        send = sending.channels_of(Alerts(public_url=PUBLIC_URL, webhook=webhook))["webhook"]
        with pytest.raises(SendError, match=r"did not end within 0\.5 s"):
            send(MESSAGE)
        _wait_until_gone()


@pytest.mark.parametrize(
    ("first", "drop"), [(b"", b"2"), (b"", b"220-wait\r\n")], ids=["greeting", "lines"]
)
def test_a_mail_that_does_not_end_is_broken_off(
    monkeypatch: pytest.MonkeyPatch, first: bytes, drop: bytes
) -> None:
    """From its first moment on."""
    monkeypatch.setattr(bounded, "MOST_SECONDS", 0.5)
    with dripping(first, drop) as port:
        mail = Mail("127.0.0.1", port, "none", "f@example.org", (TO,))
        send = sending.channels_of(Alerts(public_url=PUBLIC_URL, mail=mail))["mail"]
        with pytest.raises(SendError, match=r"did not end within 0\.5 s"):
            send(msgspec.structs.replace(MESSAGE, content=TOLD))
        _wait_until_gone()


def _wait_until_gone() -> None:
    end = time.monotonic() + 60
    while not gone():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_cannot_be_broken_off_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next sending fails at once until it has ended."""
    monkeypatch.setattr(bounded, "MOST_SECONDS", 0.1)
    ends = threading.Event()

    def stuck(_: Message, _held: Held) -> None:
        ends.wait(60)

    send = Bounded(stuck)
    for words in ("did not end", "has not ended yet"):
        with pytest.raises(SendError, match=words):
            send(MESSAGE)
    ends.set()
    _wait_until_gone()
    with Receiver() as hook:
        sending.channels_of(alerts(None, hook))["webhook"](MESSAGE)
        assert len(hook.taken) == 1


def test_a_defect_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    """They may have a secret in them."""

    def broken(_: Message, _held: Held) -> None:
        raise ValueError("https://example.org/secret")

    with pytest.raises(SendError, match="could not be sent: ValueError"):
        Bounded(broken)(MESSAGE)
    assert "a defect of this program: ValueError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:99999/",
        "https://h:abc/",
        "https://a..b.example/",
        f"https://{'a' * 64}.example/",
        "https://[::1/",
        "https://-a.example/",
        "https:///path",
    ],
)
def test_an_address_that_nothing_can_have_is_refused(url: str) -> None:
    """When the service starts, not when an alert is sent."""
    with pytest.raises(SettingError, match="no host or port that can be"):
        Webhook(url)
