"""Sends what lies in the outbox, until it has arrived.

In: a store, settings, a clock. Out: mails and posts, and what came of each. A message is taken for
a while, sent, and marked; what fails is tried again, later and later. It arrives once, unless this
program ends between the receiver's yes and the mark: then it comes again under the same id
(`Message-ID`, `webhook-id`), by which a receiver knows it. The order of one receiver's messages is
kept.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from footprint.interval import to_us
from footprint.service import damage, mailing, posting, store_alerts
from footprint.service.alert_settings import Alerts
from footprint.service.bounded import MOST_SECONDS, Bounded
from footprint.service.clock import Clock
from footprint.service.errors import SendError
from footprint.service.settings import Settings
from footprint.service.store import Store
from footprint.service.store_alerts import Message
from footprint.service.watching import MAIL, WEBHOOK

PAUSE_SECONDS = 10.0
END_SECONDS = 5.0
LEASE_US = 3 * int(MOST_SECONDS) * 1_000_000
"""More than one sending may last."""
FIRST_WAIT_US = 60 * 1_000_000
MOST_WAIT_US = 60 * FIRST_WAIT_US
MOST_DOUBLINGS = 6
GIVE_UP_US = timedelta(days=30) // timedelta(microseconds=1)
KEPT_US = timedelta(days=90) // timedelta(microseconds=1)
_log = logging.getLogger("footprint.alerts")


class Courier:
    """Sends in a thread for each channel, so that none waits for another's receiver; nor does a
    stop: what it had in hand is another's once its lease is over."""

    def __init__(self, store: Store, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._pause_seconds = min(PAUSE_SECONDS, settings.alerts.seconds)
        self._channels = channels_of(settings.alerts)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=([name],), name=f"courier-{name}", daemon=True)
            for name in self._channels or [""]
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(END_SECONDS)

    def deliver(self, channels: Sequence[str] | None = None) -> int:
        """Send everything that is due, by some channels or all; how much of it arrived."""
        arrived = 0
        own = [name for name in self._channels if channels is None or name in channels]
        while own and not self._stop.is_set():
            one = self._take(own)
            if one is None:
                break
            arrived += self._send(one)
        return arrived

    def _take(self, channels: Sequence[str]) -> Message | None:
        """A message to send, leased; who only looks holds nobody up."""
        now_us = to_us(self._clock())
        with self._store.read() as connection:
            if store_alerts.next_due(connection, channels, now_us) is None:
                return None
        with self._store.write() as connection:
            return store_alerts.take(connection, channels, now_us, now_us + LEASE_US)

    def _send(self, one: Message) -> bool:
        said = ""
        try:
            self._channels[one.channel](one)
        except SendError as error:
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

    def _run(self, channels: Sequence[str]) -> None:
        self._do(self.clean)
        while not self._stop.wait(self._pause_seconds):
            self._do(lambda: self.deliver(channels))

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except damage.UNREADABLE as error:
            _log.error("alerts: %s", damage.explain(self._store.place, error))


def _wait_us(attempts: int) -> int:
    """A minute, then twice as long each time, an hour at most."""
    return min(MOST_WAIT_US, FIRST_WAIT_US << min(attempts, MOST_DOUBLINGS))


def channels_of(alerts: Alerts) -> Mapping[str, Bounded]:
    """What there is to send by."""
    found: dict[str, Bounded] = {}
    mail, webhook = alerts.mail, alerts.webhook
    if mail is not None:
        found[MAIL] = Bounded(partial(mailing.send, mail))
    if webhook is not None:
        found[WEBHOOK] = Bounded(partial(posting.send, webhook))
    return found
