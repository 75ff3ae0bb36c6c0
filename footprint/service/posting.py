"""An alert by webhook: the JSON of `Told`, posted as "Standard Webhooks" has it.

In: an address, a message. Out: nothing, or a `PostError`. A 2xx answer means that it arrived; no
redirection is followed. `webhook-id` stays the same at every attempt; with a key,
`webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`
(https://github.com/standard-webhooks/standard-webhooks, "Signature scheme").
"""

import base64
import hashlib
import hmac
import http.client
import socket
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from footprint.service.alert_settings import Webhook
from footprint.service.errors import Held, SendError, one_line
from footprint.service.store_alerts import Message

TIMEOUT_SECONDS = 30.0
MOST_ANSWER_BYTES = 64 * 1024


class PostError(SendError):
    """A post that did not arrive; the message says why, without the address."""


def send(webhook: Webhook, one: Message, held: Held) -> None:
    """Post a message; what breaks it off goes to `held`. Raises PostError."""
    parts = urlsplit(webhook.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    body = one.content.encode()
    client = _client(parts.scheme, parts.hostname or "", parts.port)
    try:
        client.connect()
        held.append(_breaking(client.sock))
        client.request("POST", path, body, headers(webhook, one, int(time.time())))
        answer = client.getresponse()
        answer.read(MOST_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        raise PostError(one_line(said)[:300]) from None
    finally:
        client.close()
    if not 200 <= answer.status < 300:
        raise PostError(f"answered {answer.status}")


def headers(webhook: Webhook, one: Message, timestamp: int) -> dict[str, str]:
    """What goes with the body, at an instant in seconds."""
    found = {
        "Content-Type": "application/json",
        "User-Agent": "footprint",
        "webhook-id": one.message_id,
        "webhook-timestamp": str(timestamp),
    }
    if webhook.key is not None:
        signed = f"{one.message_id}.{timestamp}.{one.content}".encode()
        code = hmac.new(webhook.key, signed, hashlib.sha256).digest()
        found["webhook-signature"] = f"v1,{base64.b64encode(code).decode()}"
    return found


def _breaking(line: socket.socket) -> Callable[[], None]:
    """The answer may still be read from a line that its client has let go."""
    return lambda: line.shutdown(socket.SHUT_RDWR)


def _client(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
