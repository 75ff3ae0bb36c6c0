"""Runs a fleet: hosts take turns, on several connections, until every page is delivered.

In: a plan and the address of a service. Out: `Outcome`: the fleet's own books and what was seen on
the way. A host is always served by one thread, so that its pages keep their order.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from footprint.fleet.accounts import Books
from footprint.fleet.asking import Service
from footprint.fleet.crew import Crew, Shared
from footprint.fleet.faults import Draw
from footprint.fleet.load import Load
from footprint.fleet.plan import Plan
from footprint.fleet.sending import Sender, Tally
from footprint.fleet.wire import Address

LOOK_SECONDS = 0.2
Progress = Callable[[int, int], None]
"""Pages and entries told so far."""


class Outcome(msgspec.Struct, frozen=True):
    """A run that is over, before it is held against the service. `unsent`: pages of the plan that
    were not sent, where it ended early."""

    books: Books
    tally: Tally
    seconds: float
    unsent: int = 0


def run(
    plan: Plan, to: Address, progress: Progress, stop: threading.Event | None = None
) -> Outcome:
    """Deliver every page of the plan, or until `stop` is set: each host then ends its turn. Raises
    FleetError."""
    shared = shared_by(plan, stop)
    count = min(plan.connections, plan.hosts)
    crews = [
        Crew(
            shared,
            range(place, plan.hosts, count),
            Sender(to, plan.patience_seconds),
        )
        for place in range(count)
    ]
    began = time.monotonic()
    _work(crews, began, shared.stop, progress)
    seconds = time.monotonic() - began
    if plan.set_back:
        heal(plan, to, crews)
    books, tally = Books(), Tally()
    for crew in crews:
        books.add(crew.books)
        tally.add(crew.sender.tally)
        tally.faults["late"] += sum(member.late for member in crew.members)
    unsent = sum(plan.pages - member.done for crew in crews for member in crew.members)
    return Outcome(books, tally, seconds, unsent)


def shared_by(plan: Plan, stop: threading.Event | None = None) -> Shared:
    """What the threads of a run share; `stop` ends it early."""
    slots = plan.slots()
    load = Load([slot.start for slot in slots], plan.page_seconds)
    draw = Draw(plan.seed, plan.rates)
    return Shared(plan, slots, load, draw, stop or threading.Event())


def heal(plan: Plan, to: Address, crews: Sequence[Crew]) -> None:
    """Compare heads, as agents do, and send again what the service lost, sealed ledgers too."""
    service = Service(to, plan.patience_seconds)
    held = service.heads(plan.name)
    service.close()
    for crew in crews:
        crew.heal(held)


def _work(crews: list[Crew], began: float, stop: threading.Event, progress: Progress) -> None:
    with ThreadPoolExecutor(len(crews)) as pool:
        work = [pool.submit(crew.run, began) for crew in crews]
        try:
            while not all(one.done() for one in work):
                time.sleep(LOOK_SECONDS)
                progress(
                    sum(crew.sender.tally.pages for crew in crews),
                    sum(crew.books.entries for crew in crews),
                )
                if any(one.done() and one.exception() for one in work):
                    break
        finally:
            stop.set()  # one failed, or Ctrl-C: the others end after their turn
    for one in work:
        one.result()
