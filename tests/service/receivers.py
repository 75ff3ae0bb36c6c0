"""Receivers of alerts: a mail server (SMTP) and a webhook's, both real and listening on loopback,
which can be stopped and started again where they were."""

import json
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from footprint.service.alert_settings import Alerts, Mail, Webhook
from tests.ports import free_port

PUBLIC_URL = "https://footprint.example.org"
TO = "sobriete@example.org"
KEY = b"a key of this test, of 32 bytes."


class MailServer:
    """Keeps what it took, in the order in which it came. `refuses`: what it answers to a message
    instead of taking it, None where it takes it."""

    def __init__(self, **options: Any) -> None:
        self.port = free_port()
        self.taken: list[EmailMessage] = []
        self.refuses: str | None = None
        self._options = options
        self._controller: Controller | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen."""
        self._controller = Controller(self, "127.0.0.1", self.port, **self._options)
        self._controller.start()

    def stop(self) -> None:
        """Listen no more."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a message."""
        if self.refuses is not None:
            return self.refuses
        found = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(found, EmailMessage)
        assert envelope.rcpt_tos == [found["To"]]
        self.taken.append(found)
        return "250 taken"

    def subjects(self, to: str = TO) -> list[str]:
        """Of what one receiver got."""
        return [one["Subject"] for one in self.taken if one["To"] == to]


class Receiver:
    """Keeps what was posted to it; `status` is what it answers."""

    def __init__(self) -> None:
        self.port = free_port()
        self.status = 204
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status < 300:
                    heads = {name.lower(): value for name, value in self.headers.items()}
                    receiver.taken.append((heads, body))
                self.send_response(receiver.status)
                self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def told(self) -> list[dict[str, Any]]:
        """What was posted, read."""
        return [json.loads(body) for _, body in self.taken]


def alerts(mail: MailServer | None, hook: Receiver | None, **others: Any) -> Alerts:
    """The service's settings that send to both."""
    return Alerts(
        public_url=PUBLIC_URL,
        mail=mail and Mail("127.0.0.1", mail.port, "none", "footprint@example.org", (TO,)),
        webhook=hook and Webhook(f"http://127.0.0.1:{hook.port}/alerts?secret=1", KEY),
        **others,
    )


def command(folder: Path, mail: MailServer, hook: Receiver) -> list[str]:
    """The same as arguments of `footprint serve`; the address of the webhook is in a file."""
    address = folder / "webhook"
    address.write_text(f"http://127.0.0.1:{hook.port}/alerts\n", encoding="utf-8")
    return [
        f"--public-url={PUBLIC_URL}",
        f"--alert-mail-server=127.0.0.1:{mail.port}",
        "--alert-mail-security=none",
        "--alert-mail-from=footprint@example.org",
        f"--alert-mail-to={TO}",
        f"--alert-webhook-file={address}",
        "--alert-language=en",
        "--alert-seconds=1",
    ]
