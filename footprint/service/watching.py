"""Looks at every budget now and then: alerts that come about or are over become messages.

In: a store, settings, a clock. Out: rows of `alert` and `outbox`, written in one transaction, so
that what is raised is told and what is told was raised; and `Looked`, from which /metrics speaks.
Of several services on one database one at a time decides. What stands lives in the database: a
restart tells nobody anything twice.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from footprint import alert, json_text
from footprint.alert import Change, Standing, Told, Watched
from footprint.burn import BurnUp
from footprint.interval import paris_date, to_us
from footprint.service import burns, damage, messages, rollups, store_alerts, subjects
from footprint.service import store_budgets as budgets_of
from footprint.service.clock import Clock
from footprint.service.month_cache import MonthCache
from footprint.service.settings import Settings
from footprint.service.store import Store
from footprint.service.store_alerts import Message, Raised

MAIL, WEBHOOK = "mail", "webhook"
FIRST_SECONDS = 10.0
"""After a start, before the first look."""
REST = 9
"""It pauses at least as many times as long as it looked: many budgets of many hosts take no more
than a tenth of a core."""
_log = logging.getLogger("footprint.alerts")


class Looked(NamedTuple):
    """The last look: when, what became of each budget that is watched, and the codes of those that
    could not be looked at, because what they are about has left the register."""

    at: datetime
    burns: Mapping[str, BurnUp]
    unreadable: tuple[str, ...]


class _One(NamedTuple):
    """A budget that is decided on: what became of it (None: it is watched no more), what stands,
    and whom it names."""

    code: str
    burn: BurnUp | None
    standing: Mapping[Watched, tuple[int, Standing]]
    mail_to: tuple[str, ...]
    now: datetime


class Watcher:
    """Looks in a thread of its own; whenever that ends nothing is lost."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, months: MonthCache) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._months = months
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        self.looked: Looked | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the budget in hand."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> Looked:
        """Look at every budget once, and put what is to be told into the outbox."""
        with self._store.leading() as leads:
            now = self._clock()
            looked = self._look(now)
            if leads and not self._stop.is_set():
                self._decide(looked, now)
        self.looked = looked
        return looked

    def _look(self, now: datetime) -> Looked:
        found: dict[str, BurnUp] = {}
        unreadable = []
        today = paris_date(now)
        with self._store.read() as connection:
            if not budgets_of.budgets(connection):  # then nothing is to be summed up for us
                return Looked(now, {}, ())
        with rollups.figures(self._store) as connection:
            for code, held in budgets_of.budgets(connection).items():
                plan = held.budget.plan
                if held.budget.ended or plan.first > today or not alert.watches(plan.last, today):
                    continue
                if self._stop.is_set():
                    break
                try:
                    found[code] = burns.burn_up(
                        connection, held, self._settings.zone, now, self._months.common
                    )
                except subjects.ReportError as error:
                    unreadable.append(code)
                    _log.warning("budget %s cannot be watched: %s", code, error)
        return Looked(now, found, tuple(unreadable))

    def _decide(self, looked: Looked, now: datetime) -> None:
        with self._store.write() as connection:
            held = budgets_of.budgets(connection)
            for code in sorted({*looked.burns, *store_alerts.watched(connection)}):
                if code in looked.unreadable:
                    continue
                burn = looked.burns.get(code)
                mail_to = held[code].budget.mail_to if code in held else []
                standing = store_alerts.standing(connection, code)
                one = _One(code, burn, standing, tuple(mail_to), now)
                so = alert.holds(burn) if burn else {}
                before = {watched: found for watched, (_, found) in standing.items()}
                for change in alert.changes(before, so, now):
                    self._keep(connection, one, change)

    def _keep(self, connection: Connection, one: _One, change: Change) -> None:
        raised_us = to_us(one.now)
        if change.watched in one.standing:
            raised_us, _ = one.standing[change.watched]
            store_alerts.change(connection, one.code, raised_us, change, one.now)
        if one.burn is None or change.event not in ("raised", "cleared"):
            return
        told = messages.told(one.burn, change.watched, change.event, self._settings.alerts)
        if change.event == "raised":
            raised = Raised(
                told.budget,
                told.kind,
                told.percent,
                raised_us,
                told.project or "",
                told.sia or "",
                json_text.encode(told).decode(),
            )
            store_alerts.raise_alert(connection, raised)
        store_alerts.add(connection, self._messages(told, raised_us, one))

    def _messages(self, told: Told, raised_us: int, one: _One) -> Iterator[Message]:
        alerts = self._settings.alerts
        due_us = to_us(alert.due(one.now, alerts.quiet))
        content = json_text.encode(told).decode()
        targets = [(WEBHOOK, "")] if alerts.webhook else []
        if alerts.mail:
            named = [address for address in one.mail_to if alerts.mail.may_write_to(address)]
            targets += [(MAIL, address) for address in dict.fromkeys((*alerts.mail.to, *named))]
        for channel, target in targets:
            key = (told.budget, told.kind, told.percent, raised_us, told.event, channel, target)
            yield Message(
                message_id=hashlib.sha256(repr(key).encode()).hexdigest()[:32],
                channel=channel,
                target=target,
                budget=told.budget,
                kind=told.kind,
                percent=told.percent,
                raised_us=raised_us,
                event=told.event,
                content=content,
                made_us=to_us(one.now),
                due_us=due_us,
            )

    def _run(self) -> None:
        wait = min(FIRST_SECONDS, self._settings.alerts.seconds)
        while not self._stop.wait(wait):
            began = time.monotonic()
            try:
                self.look()
            except damage.UNREADABLE as error:
                _log.error("alerts: %s", damage.explain(self._store.place, error))
            wait = max(self._settings.alerts.seconds, REST * (time.monotonic() - began))
