"""An alert by mail: plain text, one receiver a message (RFC 5321, 5322, 3834).

In: a mail server, a message. Out: nothing, or a `MailError`. The server has said yes to the whole
message before this returns.
"""

import smtplib
import socket
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import msgspec

from footprint.alert import Told
from footprint.interval import from_us
from footprint.service.alert_settings import Mail
from footprint.service.errors import Held, SendError, one_line
from footprint.service.store_alerts import Message

TIMEOUT_SECONDS = 30.0
_decoder = msgspec.json.Decoder(Told)


class MailError(SendError):
    """A mail that did not arrive; the message says why."""


class _Client(smtplib.SMTP):
    """One that can be broken off from its first moment on."""

    def __init__(self, held: Held, *where: Any, **options: Any) -> None:
        held.append(self._break)
        super().__init__(*where, **options)

    def _break(self) -> None:
        if self.sock is not None:
            self.sock.shutdown(socket.SHUT_RDWR)


class _TlsClient(_Client, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""


def send(mail: Mail, one: Message, held: Held) -> None:
    """Hand a message to the server; what breaks it off goes to `held`. Raises MailError."""
    try:
        client = _connect(mail, held)
        try:
            if mail.user is not None and mail.password is not None:
                client.login(mail.user, mail.password)
            client.send_message(composed(mail, one), mail.sender, [one.target])
        finally:
            # What the server says to a farewell changes nothing about what it took.
            with suppress(OSError, smtplib.SMTPException):
                client.quit()
            client.close()
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        raise MailError(_said(mail, error)) from None


def composed(mail: Mail, one: Message) -> EmailMessage:
    """The mail, the same at every attempt."""
    told = _decoder.decode(one.content)
    domain = mail.sender.rpartition("@")[2]
    found = EmailMessage(policy=SMTP)
    found["From"] = Address("footprint", addr_spec=mail.sender)
    found["To"] = one.target
    found["Subject"] = one_line(told.subject)[:200]
    found["Date"] = from_us(one.made_us)
    found["Message-ID"] = f"<{one.message_id}@{domain}>"
    found["Auto-Submitted"] = "auto-generated"
    found.set_content(told.text)
    return found


def _connect(mail: Mail, held: Held) -> smtplib.SMTP:
    context = ssl.create_default_context()
    name = mail.sender.rpartition("@")[2]  # what RFC 5321 wants of EHLO, and no host's name
    if mail.security == "tls":
        return _TlsClient(
            held, mail.host, mail.port, name, timeout=TIMEOUT_SECONDS, context=context
        )
    client = _Client(held, mail.host, mail.port, name, timeout=TIMEOUT_SECONDS)
    if mail.security == "starttls":
        try:
            client.starttls(context=context)
        except BaseException:
            client.close()
            raise
    return client


def _said(mail: Mail, error: Exception) -> str:
    """In one line, without a secret; a refusal has the server's code and words."""
    code = getattr(error, "smtp_code", None)
    words = getattr(error, "smtp_error", b"")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
    text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        text = "sign-in refused"
    if isinstance(error, UnicodeError):  # its words would have a character of the password
        return f"{mail.host}:{mail.port}: user, password and addresses need ASCII"
    where = f"{mail.host}:{mail.port}"
    reason = f"{code} {text}" if code is not None else str(error) or type(error).__name__
    return one_line(f"{where}: {reason}")[:300]
