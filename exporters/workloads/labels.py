"""What is known of a container, pod or job: asked once when its group appears, then remembered.

In: sources that each know some units (files, engines, the kubelet). Out: of each unit, the labels
that a rule names and the account, nothing else: names, commands, images and environments are not
kept. A source that fails is one line in the log, until it answers again.

Sources are asked in their order, until one gives labels that a rule can use. One that answers later
is waited for a moment, together with all others that do, so that a tick is not late.
"""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from exporters.workloads.units import Unit
from footprint.codes import is_code

LABEL = "footprint.sia"
"""The label that says which SIA a container or pod belongs to; also in declarations."""

ASK_AGAIN = 3
"""How often a unit that no source knew yet is asked for again, at later looks."""

PAUSE_SECONDS = 0.5
"""After what may be spent on waiting in all, until so much may be spent again."""

log = logging.getLogger("footprint.agent")


class Known(msgspec.Struct, frozen=True):
    """What one source says of a unit, and where it stands."""

    labels: Mapping[str, str]
    where: str
    account: str = ""

    @property
    def has_labels(self) -> bool:
        """Whether a rule can use them: a `footprint.sia` that is no code is of no use."""
        return bool(self.labels) and is_code(self.labels.get(LABEL, "code"))


class Unknown(msgspec.Struct, frozen=True):
    """Why a source says nothing of a unit; `failed`: it should have answered and did not."""

    why: str
    failed: bool = False


class Source(Protocol):
    """Knows units of some kind."""

    @property
    def name(self) -> str:
        """As it is named to the user."""

    def ask(self, unit: Unit) -> Known | Unknown | None:
        """What it knows of a unit; None where it is no unit of a kind that it could know. Does not
        wait: an answer that comes later is one of a later call."""

    def wait(self, _spent_seconds: float) -> bool:
        """Wait for the answer, as long as it is worth less what was spent on others; whether there
        may be one now. One that was late or failed is not waited for until it answers."""

    @property
    def version(self) -> int:
        """Changes where units that were not known may be known now."""

    def close(self) -> None:
        """Give back what is held."""


class Asked(msgspec.Struct):
    """A unit's answers: what is known, or why not, source by source."""

    known: Known | None
    why: list[str]
    versions: tuple[int, ...]
    times: int = 1

    @property
    def settled(self) -> bool:
        """Whether it need not be asked again."""
        return self.known is not None and (self.known.has_labels or bool(self.known.account))


class Labels:
    """The units of one host."""

    def __init__(self, sources: Sequence[Source] = ()) -> None:
        self._sources = sources
        self._asked: dict[Unit, Asked] = {}
        self._failing: set[str] = set()
        self._spent_seconds, self._spent_since = 0.0, 0.0

    def of(self, unit: Unit) -> Asked:
        """What is known of a unit. Sources are asked the first time, and again a few times, or
        when one of them has news, as long as none knows whose it is."""
        asked = self._asked.get(unit)
        versions = tuple(source.version for source in self._sources)
        if asked is None:
            asked = self._asked[unit] = self._ask_all(unit, versions)
        elif not asked.settled and (asked.times < ASK_AGAIN or asked.versions != versions):
            times = asked.times + 1
            asked = self._asked[unit] = self._ask_all(unit, versions)
            asked.times = times
        return asked

    def keep(self, units: Collection[Unit]) -> None:
        """Forget all others: their groups are gone."""
        for unit in self._asked.keys() - units:
            del self._asked[unit]

    def close(self) -> None:
        """Close the sources."""
        for source in self._sources:
            source.close()

    def _ask_all(self, unit: Unit, versions: tuple[int, ...]) -> Asked:
        asked = self._ask(unit, versions)
        if asked.settled or not self._wait():
            return asked
        return self._ask(unit, versions)

    def _wait(self) -> bool:
        """Wait for all that owe an answer, together as long as for one; whether any came."""
        now = time.monotonic()
        if now >= self._spent_since + self._spent_seconds + PAUSE_SECONDS:
            self._spent_seconds, self._spent_since = 0.0, now
        came = False
        for source in self._sources:
            began = time.monotonic()
            came |= source.wait(self._spent_seconds)
            self._spent_seconds += time.monotonic() - began
        return came

    def _ask(self, unit: Unit, versions: tuple[int, ...]) -> Asked:
        why: list[str] = []
        known: Known | None = None
        for source in self._sources:
            answer = source.ask(unit)
            if isinstance(answer, Known):
                self._heard(source)
                known = joined(known, answer, unit) if known else answer
                if known.has_labels:
                    break
            elif answer is not None:
                why.append(f"{source.name}: {answer.why}")
                if answer.failed:
                    self._missed(source, answer.why, unit)
        if known is None and not why:
            why = [f"no source is asked for a {unit.kind}"]
        return Asked(known, why, versions)

    def _heard(self, source: Source) -> None:
        if source.name in self._failing:
            self._failing.discard(source.name)
            log.info("%s answers again", source.name)

    def _missed(self, source: Source, why: str, unit: Unit) -> None:
        if source.name not in self._failing:
            self._failing.add(source.name)
            log.warning("%s: %s: whose %s is stays unknown (@system)", source.name, why, unit)


def joined(first: Known, second: Known, unit: Unit) -> Known:
    """What two sources say together: of each name the first, but a code before what is none."""
    labels = {**second.labels, **first.labels}
    if LABEL in first.labels and LABEL in second.labels and second.has_labels:
        labels[LABEL] = second.labels[LABEL]
        says = "%s: the value of its label %s is no code in %s; that in %s holds"
        log.warning(says, unit, LABEL, first.where, second.where)
    told = [known.where for known in (first, second) if known.labels or known.account]
    where = ", ".join(told or [first.where, second.where])
    return Known(labels, where, first.account or second.account)
