"""The faults that a fleet has, and what the service promises for each: one table.

In: rates by name, and where a host stands in its run. Out: which faults happen there, drawn from
the seed alone.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from footprint.fleet.errors import FleetError
from footprint.fleet.load import mix

Where = Literal["request", "host", "round", "whole"]
"""What a fault befalls: one request; a host in the pages that it sends at once, or in one round, or
for the whole run."""


class Fault(msgspec.Struct, frozen=True):
    """A fault: what is done, and what is promised."""

    name: str
    where: Where
    done: str
    promised: str


FAULTS = (
    Fault(
        "lost-before",
        "request",
        "the connection ends in the middle of the body; sent again",
        "nothing of the half is stored; counted once",
    ),
    Fault(
        "lost-after",
        "request",
        "nobody waits for the answer; sent again",
        "200 again; counted once",
    ),
    Fault(
        "duplicated",
        "request",
        "sent twice at once, on two connections",
        "200 twice; each page accepted in one of them",
    ),
    Fault(
        "reordered",
        "request",
        "the second half first; then all pages, shuffled",
        "409 chain-hole with the head held, nothing stored; then 200",
    ),
    Fault(
        "wrong-token",
        "request",
        "sent with another token; then with the right one",
        "401, nothing stored; then 200",
    ),
    Fault(
        "delayed",
        "round",
        "held back, and sent with the host's next pages",
        "counted once, in their own month",
    ),
    Fault("late", "whole", "silent for its first day; then all of it", "counted once, as above"),
    Fault(
        "restart",
        "host",
        "another boot in the same ledger; half a page of gap",
        "what was metered counts, the gap is shown as `reboot`",
    ),
    Fault(
        "new-ledger",
        "host",
        "the spool is lost: a ledger that names its parent; half a page of gap",
        "both ledgers count, the gap is shown as `outage`",
    ),
    Fault(
        "clone",
        "host",
        "a copy with the same spool sends other pages; whoever comes second opens a ledger",
        "the first counts; the second: 409 page-conflict, then quarantined for overlap",
    ),
    Fault(
        "set-back",
        "host",
        "the spool is restored from earlier, the time since is told again as blind",
        "what was told first counts, and the rest; 409 page-conflict, then quarantined for overlap",
    ),
    Fault(
        "unusable",
        "host",
        "pages whose hash is right and whose content is not",
        "acknowledged, quarantined, out of the sums; the chain goes on",
    ),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
ALL = "all"


def rates(words: list[str]) -> dict[str, float]:
    """`all=0.01` and `clone=0.001` as rates by name; the later word wins. Raises FleetError."""
    found: dict[str, float] = {}
    for word in words:
        name, equals, text = word.partition("=")
        try:
            rate = float(text)
        except ValueError:
            rate = -1.0
        if not (equals and 0 <= rate <= 1 and (name in BY_NAME or name == ALL)):
            raise FleetError(
                f"--faults: {word!r}: write NAME=RATE with a rate from 0 to 1; the names are "
                f"{ALL}, {', '.join(BY_NAME)}"
            )
        found |= {name: rate} if name != ALL else dict.fromkeys(BY_NAME, rate)
    return found


class Draw:
    """Which faults happen: the same for the same seed, host and place, in whatever order asked."""

    def __init__(self, seed: int, rates: Mapping[str, float]) -> None:
        self._seed = seed
        self._chances: dict[Where, list[tuple[str, int, int]]] = {}
        for place, fault in enumerate(FAULTS):
            if rates.get(fault.name, 0) > 0:
                least = int(rates[fault.name] * 2**64)
                self._chances.setdefault(fault.where, []).append((fault.name, place, least))

    def fault(self, where: Where, host: int, place: int) -> str:
        """The fault that befalls a host at a place; empty for none. Of several, chance decides."""
        found = [
            (mix(self._seed, number, host, place, 1), name)
            for name, number, least in self._chances.get(where, ())
            if mix(self._seed, number, host, place) < least
        ]
        return min(found)[1] if found else ""

    def number(self, host: int, place: int, purpose: int, below: int) -> int:
        """A number from 0 to less than `below`."""
        return mix(self._seed, 1000 + purpose, host, place) % below
