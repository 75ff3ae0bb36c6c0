"""An alert by mail: plain text, one receiver a message (RFC 5321, 5322, 3834).

In: a mail server, a message. Out: nothing, or a `MailError`. The server has said yes to the whole
message before this returns.
"""

import smtplib
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

import msgspec

from footprint.alert import Told
from footprint.interval import from_us
from footprint.service.alert_settings import Mail
from footprint.service.errors import one_line
from footprint.service.store_alerts import Message

TIMEOUT_SECONDS = 30.0
_decoder = msgspec.json.Decoder(Told)


class MailError(Exception):
    """A mail that did not arrive; the message says why."""


def send(mail: Mail, one: Message) -> None:
    """Hand a message to the server. Raises MailError."""
    try:
        client = _connect(mail)
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


def _connect(mail: Mail) -> smtplib.SMTP:
    context = ssl.create_default_context()
    name = mail.sender.rpartition("@")[2]  # what RFC 5321 wants of EHLO, and no host's name
    if mail.security == "tls":
        return smtplib.SMTP_SSL(
            mail.host, mail.port, name, timeout=TIMEOUT_SECONDS, context=context
        )
    client = smtplib.SMTP(mail.host, mail.port, name, timeout=TIMEOUT_SECONDS)
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
