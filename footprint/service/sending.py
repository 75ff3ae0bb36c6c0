"""Sends what lies in the outbox, until it has arrived.

In: a store, settings, a clock. Out: mails and posts, and what came of each. A message is taken for
a while, sent, and marked; what fails is tried again, later and later. It arrives once, unless this
program ends between the receiver's yes and the mark: then it comes again under the same id
(`Message-ID`, `webhook-id`), by which a receiver knows it. The order of one receiver's messages is
kept.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

from footprint.interval import to_us
from footprint.service import damage, mailing, posting, store_alerts
from footprint.service.clock import Clock
from footprint.service.settings import Settings
from footprint.service.store import Store
from footprint.service.store_alerts import Message
from footprint.service.watching import MAIL, WEBHOOK

PAUSE_SECONDS = 10.0
END_SECONDS = 5.0
LEASE_US = 15 * 60 * 1_000_000
"""More than one sending may last (`mailing`, `posting`)."""
FIRST_WAIT_US = 60 * 1_000_000
MOST_WAIT_US = 60 * FIRST_WAIT_US
MOST_DOUBLINGS = 6
GIVE_UP_US = timedelta(days=30) // timedelta(microseconds=1)
KEPT_US = timedelta(days=90) // timedelta(microseconds=1)
_log = logging.getLogger("footprint.alerts")


Send = Callable[[Message], None]


class Courier:
    """Sends in a thread of its own, which does not make a stop wait for a slow receiver: what it
    had in hand is another's once its lease is over."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._pause_seconds = min(PAUSE_SECONDS, settings.alerts.seconds)
        self._channels = _channels(settings)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(END_SECONDS)

    def deliver(self) -> int:
        """Send everything that is due; how much of it arrived."""
        arrived = 0
        while not self._stop.is_set():
            one = self._take()
            if one is None:
                break
            arrived += self._send(one)
        return arrived

    def _take(self) -> Message | None:
        """A message to send, leased; who only looks holds nobody up."""
        now_us, channels = to_us(self._clock()), tuple(self._channels)
        with self._store.read() as connection:
            if not channels or store_alerts.next_due(connection, channels, now_us) is None:
                return None
        with self._store.write() as connection:
            return store_alerts.take(connection, channels, now_us, now_us + LEASE_US)

    def _send(self, one: Message) -> bool:
        said = ""
        try:
            self._channels[one.channel](one)
        except (mailing.MailError, posting.PostError) as error:
            said = str(error)
        now_us = to_us(self._clock())
        with self._store.write() as connection:
            if not said:
                store_alerts.sent(connection, one, now_us)
                return True
            given_up_us = now_us if now_us - one.made_us > GIVE_UP_US else 0
            due_us = now_us + _wait_us(one.attempts)
            store_alerts.failed(connection, one, said, due_us, given_up_us)
        _log.warning("alert %s by %s: %s", one.message_id, one.channel, said)
        return False

    def clean(self) -> None:
        """Forget what was sent long ago."""
        with self._store.write() as connection:
            store_alerts.clean(connection, to_us(self._clock()) - KEPT_US)

    def _run(self) -> None:
        self._do(self.clean)
        while not self._stop.wait(self._pause_seconds):
            self._do(self.deliver)

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except damage.UNREADABLE as error:
            _log.error("alerts: %s", damage.explain(self._store.place, error))


def _wait_us(attempts: int) -> int:
    """A minute, then twice as long each time, an hour at most."""
    return min(MOST_WAIT_US, FIRST_WAIT_US << min(attempts, MOST_DOUBLINGS))


def _channels(settings: Settings) -> Mapping[str, Send]:
    """What there is to send by."""
    found: dict[str, Send] = {}
    mail, webhook = settings.alerts.mail, settings.alerts.webhook
    if mail is not None:
        found[MAIL] = lambda one: mailing.send(mail, one)
    if webhook is not None:
        found[WEBHOOK] = lambda one: posting.send(webhook, one)
    return found
