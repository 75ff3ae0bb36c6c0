"""What is known of a container, pod or job: asked once when its group appears, then remembered.

In: sources that each know some units (files, engines, the kubelet). Out: of each unit, the labels
that a rule names and the account, nothing else: names, commands, images and environments are not
kept. A source that fails is one line in the log, until it answers again.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from exporters.workloads.units import Unit

LABEL = "footprint.sia"
"""The label that says which SIA a container or pod belongs to; also in declarations."""

ASK_AGAIN = 3
"""How often a unit that no source knew yet is asked for again, at later looks."""

log = logging.getLogger("footprint.agent")


class Known(msgspec.Struct, frozen=True):
    """What one source says of a unit, and where it stands."""

    labels: Mapping[str, str]
    where: str
    account: str = ""


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
        """What it knows of a unit; None where it is no unit of a kind that it could know."""

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


class Labels:
    """The units of one host."""

    def __init__(self, sources: Sequence[Source] = ()) -> None:
        self._sources = sources
        self._asked: dict[Unit, Asked] = {}
        self._failing: set[str] = set()

    def of(self, unit: Unit) -> Asked:
        """What is known of a unit. Sources are asked the first time, and again a few times, or
        when one of them has news, as long as none knows it."""
        asked = self._asked.get(unit)
        versions = tuple(source.version for source in self._sources)
        if asked is None:
            asked = self._asked[unit] = self._ask(unit, versions)
        elif asked.known is None and (asked.times < ASK_AGAIN or asked.versions != versions):
            times = asked.times + 1
            asked = self._asked[unit] = self._ask(unit, versions)
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

    def _ask(self, unit: Unit, versions: tuple[int, ...]) -> Asked:
        why: list[str] = []
        for source in self._sources:
            answer = source.ask(unit)
            if isinstance(answer, Known):
                self._heard(source)
                return Asked(answer, why, versions)
            if answer is not None:
                why.append(f"{source.name}: {answer.why}")
                if answer.failed:
                    self._missed(source, answer.why, unit)
        return Asked(None, why or [f"no source is asked for a {unit.kind}"], versions)

    def _heard(self, source: Source) -> None:
        if source.name in self._failing:
            self._failing.discard(source.name)
            log.info("%s answers again", source.name)

    def _missed(self, source: Source, why: str, unit: Unit) -> None:
        if source.name not in self._failing:
            self._failing.add(source.name)
            log.warning("%s: %s: whose %s is stays unknown (@system)", source.name, why, unit)
