"""The unmodified usage reader beside the simulated gateway and servers, in simulated time.

In: their /metrics over HTTP. Out: what the reader's pages say: lines of usage, and the servers' own
counts. The reader's clock is the simulation's; it looks once a simulated minute.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from exporters.gateway.reader import Reader
from exporters.gateway.settings import parse
from exporters.gateway.spool import UsageSpool
from exporters.surroundings import Surroundings
from exporters.twin.plan import START, STEPS_PER_S
from exporters.twin.serving.plan import CONSUMERS, MODELS
from exporters.twin.serving.speaking import PROBER
from exporters.twin.serving.web import Site
from footprint import usage
from footprint.allocation import Usage
from footprint.interval import QUARTER_HOUR_SECONDS, boundary_after, from_us, to_us
from footprint.usage import Line, UsagePage

READER = "gateway-reader"
EVERY_S = 60


def settings(site: Site, state: Path) -> dict[str, Any]:
    """What the reader is told, as its file has it: whose each team is, the gateway's names of each
    model, the servers' own counters; probes are left out."""
    named = [who for who in CONSUMERS if not who.sia.startswith("@")]
    models = {
        name: {"server": model.server, "model": model.code}
        for model in MODELS
        for name in (model.name, model.asked_as)
    }
    return {
        "name": READER,
        "state_dir": str(state),
        "listen": "127.0.0.1:0",
        "poll_seconds": EVERY_S,
        "gateways": [
            {
                "kind": "litellm",
                "url": site.endpoint("litellm"),
                "models": models,
                "rules": [
                    {"labels": {"api_key_alias": PROBER}, "ignore": True},
                    *({"labels": {"team": f"id-{who.team}"}, "sia": who.sia} for who in named),
                ],
            }
        ],
        "servers": [
            {
                "kind": "vllm",
                "url": site.endpoint(model.server),
                "server": model.server,
                "model": model.code,
            }
            for model in MODELS
        ],
    }


class Reading:
    """A reader that looks when the simulation says so. Raises AgentError where it cannot begin."""

    def __init__(self, site: Site, state: Path) -> None:
        self._site = site
        self._now_us = to_us(START)
        self._due = 0
        told = parse(settings(site, state), state)
        self._path = told.state_path / "usage.db"
        self._reader = Reader(told, Surroundings(wall_ns=self._now_ns, mono_ns=self._now_ns))

    def __call__(self, step: int, at_us: int) -> None:
        """A tick of the simulation."""
        if step < self._due:
            return
        every = EVERY_S * STEPS_PER_S
        self._due = (step // every + 1) * every
        self._site.pair.go_to(step)
        self._now_us = at_us
        self._reader.look_once()

    def finish(self) -> None:
        """A last look at the end of the quarter-hour that is open, and stop."""
        now = from_us(self._now_us)
        self._now_us = to_us(boundary_after(now, QUARTER_HOUR_SECONDS))
        self._reader.look_once()
        self._reader.finish()

    def pages(self) -> list[UsagePage]:
        """Once it is over: the newest page of each interval, oldest first."""
        spool = UsageSpool(self._path, READER, "litellm")
        try:
            pages = [usage.decode(body) for body in spool.bodies()]
        finally:
            spool.close()
        newest = {(page.start, page.end): page for page in pages}
        return [newest[interval] for interval in sorted(newest)]

    def _now_ns(self) -> int:
        return self._now_us * 1000


def named(pages: Iterable[UsagePage], server: str) -> list[Usage]:
    """What the gateway named of a server."""
    return [one for page in pages for one in _of(page, page.lines, server)]


def counted(pages: Iterable[UsagePage], server: str) -> list[Usage]:
    """What the server itself counted."""
    return [one for page in pages for one in _of(page, page.totals, server)]


def _of(page: UsagePage, lines: Sequence[Line], server: str) -> Iterator[Usage]:
    for line in lines:
        if line.server == server:
            facts: dict[str, Any] = msgspec.structs.asdict(line)
            del facts["server"]
            yield Usage(page.start, page.end, **facts)


def gaps(pages: Iterable[UsagePage]) -> list[tuple[str, datetime, datetime]]:
    """When the reader knows that counts may be missing, and why."""
    return [(gap.cause, gap.start, gap.end) for page in pages for gap in page.gaps]
