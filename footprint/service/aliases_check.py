"""What the aliases of SIA must be: forward in time, of one SIA at a time, of nothing registered.

In: a register that is to be taken over, and the one held. Out: nothing, or the first alias, or the
first code, that cannot be, with its place and the remedy.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from footprint.interval import check_day
from footprint.service.errors import Place
from footprint.service.register import Alias, Register, RegisterError, Sia

_KINDS = {"sia": "a SIA's", "servers": "a shared server's", "externals": "an external service's"}
_Held = tuple[Alias, str, Place]


def check(register: Register, held: Register) -> None:
    """Raise RegisterError for an alias of itself or of anything that is registered, for something
    new under a code that is an alias, for an alias that runs backward, or that another SIA has at
    the same time. With neither chains nor swaps a code stands for one SIA on a day, and a server's
    energy is never a SIA's besides."""
    owners = {item.code: kind for kind in _KINDS for item in _items(register, held, kind)}
    by_code: dict[str, list[_Held]] = defaultdict(list)
    for alias, sia, place in _all(register, held):
        by_code[alias.code].append((alias, sia, place))
        if place:
            _check_alias(alias, sia, owners, place)
    for kind in _KINDS:
        known = {item.code for item in getattr(held, kind)}
        for index, item in enumerate(getattr(register, kind)):
            if item.code in by_code and item.code not in known:
                sia = by_code[item.code][0][1]
                raise RegisterError(
                    f"code: {item.code!r} is an alias of the SIA {sia!r}, whose its facts are; "
                    "take the alias away first",
                    (kind, index, "code"),
                )
    for found in by_code.values():
        _check_days(found)


def _items(register: Register, held: Register, kind: str) -> Iterator[Sia]:
    yield from getattr(held, kind)
    yield from getattr(register, kind)


def _all(register: Register, held: Register) -> Iterator[_Held]:
    """Every alias as it will be, with its SIA and, of those to be taken over, its place."""
    told = {item.code for item in register.sia}
    for item in held.sia:
        if item.code not in told:
            yield from ((alias, item.code, ()) for alias in item.aliases)
    for index, item in enumerate(register.sia):
        for position, alias in enumerate(item.aliases):
            yield alias, item.code, ("sia", index, "aliases", position)


def _check_alias(alias: Alias, sia: str, owners: dict[str, str], place: Place) -> None:
    _check_own(sia, alias, place)
    if alias.code in owners:
        raise RegisterError(
            f"aliases: {alias.code!r} is {_KINDS[owners[alias.code]]} own code; take it away: an "
            "alias is a code that the register does not know otherwise",
            (*place, "code"),
        )


def _check_days(found: list[_Held]) -> None:
    """Raise RegisterError where two aliases of one code hold on the same day. What is held already
    keeps nothing else out of the register."""
    dated = sorted(found, key=lambda one: one[0].from_ or date.min)
    for (one, sia, place), (other, its_sia, its_place) in pairwise(dated):
        told = its_place or place
        if told and (other.from_ or date.min) < (one.to or date.max):
            whose = sia if its_place else its_sia
            raise RegisterError(
                f"aliases: {one.code!r} is {whose!r}'s at the same time; give each its days, "
                "`from` and `to`",
                told,
            )


def _check_own(sia: str, alias: Alias, place: Place) -> None:
    if alias.code == sia:
        raise RegisterError(f"aliases: {alias.code!r} is the SIA's own code", (*place, "code"))
    for name, day in (("from", alias.from_), ("to", alias.to)):
        try:
            if day is not None:
                check_day(day)
        except ValueError as error:
            raise RegisterError(f"aliases: `{name}` {error}", (*place, name)) from error
    if alias.from_ and alias.to and alias.to <= alias.from_:
        raise RegisterError(
            f"aliases: `to` {alias.to} is not after `from` {alias.from_}", (*place, "to")
        )
