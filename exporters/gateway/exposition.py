"""The reader's own /metrics: a pure read of what the last look left.

In: one immutable `Snapshot` a look. Out: metric families of the catalogue. Labels are codes, kinds
and the addresses of the settings: nothing that a gateway said.
"""

from collections.abc import Iterator

import msgspec
from prometheus_client.registry import Collector

from exporters.gateway.book import Place
from exporters.gateway.endpoint import Told
from exporters.ledger_file import Counts
from exporters.telemetry import Family, family
from footprint import METHOD_VERSION, __version__, metrics

Numbers = dict[tuple[Place, str], int]


class Snapshot(msgspec.Struct, frozen=True):
    """What the last look left to be seen; all numbers since the reader started."""

    host_id: str
    ledger_id: str
    endpoints: list[Told]
    lines: Numbers
    totals: Numbers
    left_out: dict[str, int]
    spool: Counts
    pushes: dict[str, int]


class Exposition(Collector):
    """Turns the newest snapshot into metric families."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        """From now on scrapes see this one."""
        self._snapshot = snapshot

    def collect(self) -> Iterator[Family]:
        """Every family of the last look."""
        if self._snapshot is not None:
            yield from _endpoints(self._snapshot.endpoints)
            yield from _counted(self._snapshot)
            yield from _reader(self._snapshot)


def _endpoints(endpoints: list[Told]) -> Iterator[Family]:
    named = [((told.role, told.kind, told.source), told) for told in endpoints]
    yield family(
        metrics.GATEWAY_UP,
        ((labels, float(told.up)) for labels, told in named if told.up is not None),
    )
    yield family(metrics.GATEWAY_LOOKS, ((labels, float(told.looks)) for labels, told in named))
    yield family(
        metrics.GATEWAY_FAILURES,
        (
            ((*labels, cause), float(number))
            for labels, told in named
            for cause, number in told.failures.items()
        ),
    )
    yield family(
        metrics.GATEWAY_LAST_SUCCESS,
        (
            (labels, told.last_success_us / 1e6)
            for labels, told in named
            if told.last_success_us is not None
        ),
    )


def _counted(snapshot: Snapshot) -> Iterator[Family]:
    tokens, requests = _apart(snapshot.lines)
    yield family(metrics.GATEWAY_TOKENS, (((*place, kind), n) for place, kind, n in tokens))
    yield family(metrics.GATEWAY_REQUESTS, ((place, n) for place, _, n in requests))
    server, _ = _apart(snapshot.totals)
    yield family(
        metrics.GATEWAY_SERVER_TOKENS,
        (((place[0], place[1], kind), n) for place, kind, n in server),
    )
    yield family(
        metrics.GATEWAY_LEFT_OUT,
        (((reason,), float(number)) for reason, number in snapshot.left_out.items()),
    )


Rows = list[tuple[Place, str, float]]


def _apart(numbers: Numbers) -> tuple[Rows, Rows]:
    """Tokens and requests."""
    rows = [(place, kind, float(number)) for (place, kind), number in sorted(numbers.items())]
    return (
        [row for row in rows if row[1] != "requests"],
        [row for row in rows if row[1] == "requests"],
    )


def _reader(snapshot: Snapshot) -> Iterator[Family]:
    yield family(metrics.AGENT_BUILD_INFO, [((__version__, METHOD_VERSION), 1.0)])
    yield family(metrics.AGENT_LEDGER_INFO, [((snapshot.host_id, snapshot.ledger_id), 1.0)])
    pages = {"waiting": snapshot.spool.waiting, "acknowledged": snapshot.spool.acknowledged}
    yield family(
        metrics.AGENT_SPOOL_PAGES, (((state,), float(count)) for state, count in pages.items())
    )
    yield family(metrics.AGENT_SPOOL_BYTES, [((), float(snapshot.spool.bytes))])
    yield family(
        metrics.AGENT_PUSHES, (((result,), float(n)) for result, n in snapshot.pushes.items())
    )
