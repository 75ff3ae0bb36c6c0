"""Requests that bring pages, taken in together: one transaction for all that wait.

A commit waits for the disk, and a database takes a hundred rows of one statement as fast as ten:
where thousands of hosts send a page each, together is several times faster. In: the pages of a
request. Out: what became of them, once that is durable; or its error, and then nothing of them is
kept, whatever became of the others.
"""

import threading
from collections import deque
from concurrent.futures import Future
from typing import Any, Generic

from footprint.service import damage, ingest
from footprint.service.clock import Clock
from footprint.service.ingest import Outcome, Sheets
from footprint.service.kinds import Kind
from footprint.service.problems import Problem
from footprint.service.store import Store
from footprint.service.store_chains import P

MOST_REQUESTS = 64
MOST_PAGES = 1000


class _Job(Generic[P]):
    """The pages of a request, and what becomes of them. `names`: its hosts and GPUs."""

    def __init__(
        self, kind: Kind[P], sheets: Sheets[P], names: set[str], instants_us: set[int]
    ) -> None:
        self.kind = kind
        self.sheets = sheets
        self.names = names
        self.instants_us = instants_us
        self.pages = sum(map(len, sheets.values()))
        self.future: Future[Outcome[P]] = Future()

    def answer(self, answer: Outcome[P] | Exception) -> None:
        """Tell whoever waits."""
        if isinstance(answer, Exception):
            self.future.set_exception(answer)
        else:
            self.future.set_result(answer)


class Intake:
    """The requests that wait, and the thread that stores them. Threads may share it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: deque[_Job[Any]] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once everything that waits is stored."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def take(self, kind: Kind[P], sheets: Sheets[P]) -> Future[Outcome[P]]:
        """What becomes of a request's pages; the error is a `Problem`, or the database's."""
        job = _Job(kind, sheets, *ingest.filing(sheets, self._clock()))
        with self._changed:
            if self._ended:
                raise RuntimeError("intake: the service has ended; send the pages again")
            self._waiting.append(job)
            self._changed.notify()
        return job.future

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    return
                jobs = self._next()
            jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if jobs:
                self._store_all(jobs)

    def _next(self) -> list[_Job[Any]]:
        """Those that go together, oldest first: of one kind, no host or GPU in two of them. What
        has to wait stays in its order."""
        kind = self._waiting[0].kind
        jobs: list[_Job[Any]] = []
        later: list[_Job[Any]] = []
        names: set[str] = set()
        pages = 0
        while self._waiting and len(jobs) < MOST_REQUESTS and pages < MOST_PAGES:
            job = self._waiting.popleft()
            if job.kind is kind and names.isdisjoint(job.names):
                jobs.append(job)
                pages += job.pages
            else:
                later.append(job)
            names |= job.names
        self._waiting.extendleft(reversed(later))
        return jobs

    def _store_all(self, jobs: list[_Job[Any]]) -> None:
        try:
            answers: list[Any] = list(self._stored(jobs))
        except Exception as error:  # noqa: BLE001 - handed to whoever sent the pages
            if len(jobs) > 1 and not damage.is_passing(error):
                for job in jobs:  # one of them may be at fault: the others must not suffer
                    self._store_all([job])
                return
            answers = [error] * len(jobs)
        for job, answer in zip(jobs, answers, strict=True):
            job.answer(answer)

    def _stored(self, jobs: list[_Job[P]]) -> list[Outcome[P] | Problem]:
        names = set().union(*(job.names for job in jobs))
        instants_us = set().union(*(job.instants_us for job in jobs))
        with self._store.write_pages(names, instants_us) as connection:
            sheets = [job.sheets for job in jobs]
            return ingest.take(connection, jobs[0].kind, sheets, self._clock())
