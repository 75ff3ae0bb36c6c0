"""One sending at a time that cannot take for ever, whatever the receiver does.

In: a way to send. Out: the same, which ends within `MOST_SECONDS`: a time limit of a connection
counts from one byte to the next, and a receiver that drips says one now and then.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from footprint.service.errors import Held, SendError
from footprint.service.store_alerts import Message

MOST_SECONDS = 60.0
"""For all of one sending: connecting, sending, and the answer."""
Send = Callable[[Message, Held], None]
_log = logging.getLogger("footprint.alerts")


class Bounded:
    """Sends by one channel. What does not end in time is broken off, and waited for no more."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._before: threading.Thread | None = None

    def __call__(self, one: Message) -> None:
        """Send it. Raises SendError."""
        if self._before is not None and self._before.is_alive():
            raise SendError("the sending before has not ended yet")
        ends: list[SendError | None] = []
        held: Held = []
        self._before = threading.Thread(
            target=self._do, args=(one, held, ends), name="send", daemon=True
        )
        self._before.start()
        self._before.join(MOST_SECONDS)
        if not ends:
            for break_off in held:
                with suppress(OSError):
                    break_off()
            raise SendError(f"did not end within {MOST_SECONDS:g} s")
        if ends[0] is not None:
            raise ends[0]

    def _do(self, one: Message, held: Held, ends: list[SendError | None]) -> None:
        try:
            self._send(one, held)
        except SendError as error:
            ends.append(error)
        except Exception as error:  # noqa: BLE001 - one message must not hold up those of others
            # Its words may have the webhook's address in them, which is often a secret.
            name = type(error).__name__
            _log.error("alert by %s: a defect of this program: %s", one.channel, name)
            ends.append(SendError(f"could not be sent: {name}"))
        else:
            ends.append(None)
