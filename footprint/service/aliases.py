"""Codes that stand for a SIA over a time: earlier ones of its own, and what nobody had registered.

In: SIA as known at an instant, with their dated aliases. Out: whose a consumer's facts are on a
Paris day. Facts keep the code that they came with; figures have the SIA's, so that settling whose
an unknown code is changes the past by restatement, never by editing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date

import msgspec

from footprint import codes
from footprint.interval import paris_date
from footprint.service.register import Alias, Sia, holds
from footprint.service.store_usage import ToldLine


class Aliases:
    """The aliases of all SIA. Of `registered` codes none is one: their facts are their own, so that
    no energy is told under two codes, whatever an earlier register said."""

    def __init__(self, sia: Mapping[str, Sia] = {}, registered: Collection[str] = ()) -> None:
        self._dated: dict[str, list[tuple[Alias, str]]] = defaultdict(list)
        self._codes: dict[str, set[str]] = defaultdict(set)
        for item in sia.values():
            for alias in item.aliases:
                if alias.code in registered:
                    continue
                self._dated[alias.code].append((alias, item.code))
                self._codes[item.code].add(alias.code)

    def __bool__(self) -> bool:
        return bool(self._dated)

    def of(self, consumer: str, day: date) -> str:
        """Whose the facts of a consumer are on a day, in the phase that they were declared for."""
        code = codes.sia_of(consumer)
        for alias, sia in self._dated.get(code, ()):
            if holds(alias, day):
                return codes.phased(sia, codes.phase_of(consumer))
        return consumer

    def names(self, consumers: Iterable[str]) -> tuple[str, ...]:
        """All codes under which facts of `consumers` may stand, on whichever day."""
        found = dict.fromkeys(consumers)
        for code in [*found]:
            found |= dict.fromkeys(sorted(self._codes.get(code, ())))
        return tuple(found)

    def lines(self, told: Iterable[ToldLine]) -> list[ToldLine]:
        """Lines of usage with whose they are on the day on which they begin."""
        return [self._line(one) for one in told] if self else [*told]

    def _line(self, one: ToldLine) -> ToldLine:
        consumer = self.of(one.line.consumer, paris_date(one.start))
        if consumer == one.line.consumer:
            return one
        return one._replace(line=msgspec.structs.replace(one.line, consumer=consumer))


NO_ALIASES = Aliases()
