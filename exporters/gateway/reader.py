"""The usage reader: everything wired in one place, and the loop of looks.

In: settings. Out: pages of usage in the spool and at the service, /metrics. Every endpoint is asked
every few seconds and at each UTC quarter-hour; what lies between two answers belongs to the time
between them. A page is sealed at its end, and again where an endpoint that was down tells later
what it counted meanwhile.
"""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer

import msgspec

from exporters import push, telemetry
from exporters.clock import Clock
from exporters.errors import SpoolError
from exporters.gateway.book import Book
from exporters.gateway.counters import Counters
from exporters.gateway.endpoint import Counted, Endpoint
from exporters.gateway.exposition import Exposition, Snapshot
from exporters.gateway.fetching import TIMEOUT_SECONDS
from exporters.gateway.records import Records
from exporters.gateway.settings import Settings
from exporters.gateway.spool import UsageSpool
from exporters.surroundings import REAL, Surroundings
from footprint.interval import boundary_after, from_us, to_us

PUSH_AT_END_SECONDS = 10
ERROR_EVERY = 60
"""A disk that refuses every look is said once in so many."""
MOST_THREADS = 16

log = logging.getLogger("footprint.gateway")


class Reader:
    """One reader, from start to stop."""

    def __init__(self, settings: Settings, surroundings: Surroundings = REAL) -> None:
        """Open the spool, listen; nothing is asked yet. Raises AgentError: what, where, remedy."""
        self._settings = settings
        self._stop = threading.Event()
        self._spool = UsageSpool(
            settings.state_path / "usage.db", settings.name, settings.gateways[0].kind
        )
        try:
            self._begin(surroundings)
        except BaseException:
            self._spool.close()
            raise

    def _begin(self, surroundings: Surroundings) -> None:
        settings = self._settings
        newest_us = self._spool.newest_us
        self._clock = Clock(surroundings.wall_ns, surroundings.mono_ns, newest_us)
        now_us = self._clock.instant().utc_us
        self._book = Book(
            settings.page_seconds,
            newest_us or now_us,
            self._spool.open_drafts(),
            self._spool.drafts,
        )
        self._counted = Counted()
        self._counters, self._records = self._endpoints(now_us)
        self._exposition = Exposition()
        self._server = telemetry.serve(self._exposition, settings.listen_address)
        self._pool = ThreadPoolExecutor(
            min(MOST_THREADS, len(self._counters) + len(self._records)), "ask"
        )
        self._pushes: dict[str, int] = {}
        self._refused = 0
        self._pusher = self._begin_push()

    @property
    def server(self) -> ThreadingHTTPServer:
        """Where /metrics is served."""
        return self._server

    @property
    def ledger_id(self) -> str:
        """The ledger that this reader writes."""
        return self._spool.ledger_id

    def stop(self) -> None:
        """Ask the loop to end; may be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Look until stopped. The open page stays in the spool, and goes on at the next start."""
        self.look_once()
        while not self._stop.wait(self._pause()):
            self.look_once()
        self.finish()

    def finish(self) -> None:
        """Try to send what waits, and give everything back."""
        if self._pusher:
            self._pusher.stop(PUSH_AT_END_SECONDS)
        self._pool.shutdown()
        self._server.shutdown()
        self._server.server_close()
        self._spool.close()

    def look_once(self) -> None:
        """Ask every endpoint, book what it says, seal what is over."""
        self._clock.follow()
        now_us = self._clock.instant().utc_us
        self._book.reach(now_us + 1)
        self._ask(now_us)
        self._keep(now_us)
        self._show()

    def _ask(self, now_us: int) -> None:
        counted = [
            (endpoint, self._pool.submit(endpoint.ask, self._now_us)) for endpoint in self._counters
        ]
        wanted = {one.name: one.wanted(self._book, now_us) for one in self._records}
        recorded = [
            (endpoint, self._pool.submit(endpoint.ask, wanted[endpoint.name], self._now_us))
            for endpoint in self._records
            if wanted[endpoint.name]
        ]
        for counters, answer in counted:
            counters.book(answer.result(), self._book)
        for records, found in recorded:
            records.book(found.result(), self._book)

    def _keep(self, now_us: int) -> None:
        """Seal what is over and write everything that changed, in one transaction."""
        for draft in self._book.due(now_us):
            for endpoint in self._all():
                endpoint.behind(self._book, draft.start_us, draft.end_us)
        due = self._book.due(now_us)
        try:
            self._spool.save(
                max(now_us, *(endpoint.stand.covered_us for endpoint in self._all())),
                self._book.changed(),
                due,
                {endpoint.name: endpoint.stand for endpoint in self._all()},
                {endpoint.name: endpoint.unsaved for endpoint in self._counters},
            )
        except SpoolError as error:
            if self._refused % ERROR_EVERY == 0:
                log.error("%s", error)  # what is not on disk stays in memory for the next look
            self._refused += 1
            return
        self._refused = 0
        self._book.kept(due)
        for counters in self._counters:
            counters.saved()
        if due and self._pusher:
            self._pusher.wake()

    def _show(self) -> None:
        self._exposition.show(
            Snapshot(
                host_id=self._settings.name,
                ledger_id=self._spool.ledger_id,
                endpoints=[
                    msgspec.structs.replace(one.told, failures=dict(one.told.failures))
                    for one in self._all()
                ],
                lines=dict(self._counted.lines),
                totals=dict(self._counted.totals),
                left_out=dict(self._counted.left_out),
                spool=self._spool.counts(),
                pushes=dict(self._pushes),
            )
        )

    def _pause(self) -> float:
        """Seconds until the next look: a whole number of polls, and every end of a page. While an
        endpoint fails, no look may still wait for it when a page ends."""
        now_us = self._now_us()
        end_us = to_us(boundary_after(from_us(now_us), self._settings.page_seconds))
        next_us = to_us(boundary_after(from_us(now_us), self._settings.poll_seconds))
        failing = any(endpoint.stand.failing for endpoint in self._all())
        if failing and end_us - next_us < TIMEOUT_SECONDS * 1_000_000:
            next_us = end_us
        return max(0.0, self._clock.seconds_until(min(next_us, end_us)))

    def _now_us(self) -> int:
        return self._clock.instant().utc_us

    def _all(self) -> list[Endpoint]:
        return [*self._counters, *self._records]

    def _endpoints(self, now_us: int) -> tuple[list[Counters], list[Records]]:
        """What the settings name, from where each stood."""
        settings, key = self._settings, self._spool.key
        counters: list[Counters] = []
        records: list[Records] = []
        for gateway in settings.gateways:
            if gateway.kind == "opengatellm":
                records.append(Records(gateway, key, self._counted))
            else:
                counters.append(Counters(gateway, key, self._counted, settings.page_seconds))
        for server in settings.servers:
            counters.append(Counters(server, key, self._counted, settings.page_seconds))
        stands = self._spool.stands()
        most_us = (2 * settings.poll_seconds + int(TIMEOUT_SECONDS)) * 1_000_000
        for one in counters:
            one.go_on(stands.get(one.name), self._spool.marks(one.name), now_us, most_us)
        for other in records:
            other.resume(
                stands.get(other.name), now_us, settings.page_seconds * 1_000_000 + most_us
            )
        return counters, records

    def _begin_push(self) -> push.Pusher | None:
        url = self._settings.service
        if url is None:
            return None
        token_file = self._settings.token_file
        token = push.read_token(token_file)
        service = push.Service(url, token, push.USAGE, token_file, self._settings.trust)

        def count(result: str) -> None:
            self._pushes[result] = self._pushes.get(result, 0) + 1

        pusher = push.Pusher(self._spool, service, count, url)
        pusher.start()
        return pusher
