"""Changes JSON as JSON: a bit that flips in it mostly makes it none, and reaches nothing.

In: an input and a seed. Out: the same with one value changed, removed, doubled or moved, written
as pages are (no white space); or None where it is no JSON.
"""

import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, 1.5, 1e400, -0.0),
    *("", "a", "@idle", "\u0000", "\u202e", "\ud800", "0" * 64, "a" * 300),
    *("2026-11-10T09:00:00Z", "2026-11-10T09:15:00Z", "0001-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59.999999Z", "2026-03-29T01:00:00+02:00", "2026-11-10T09:00:00"),
    *([], {}, [[]], {"a": None}),
)
Slot = tuple[Any, Any]
"""A list or mapping, and where in it."""


def changed(data: bytes, seed: int) -> bytes | None:
    """One to three changes."""
    try:
        whole = [json.loads(data)]
    except (ValueError, RecursionError):
        return None
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 3)):
        slots = _slots(whole)
        if not slots:
            break
        chance.choice(_CHANGES)(chance, slots, chance.choice(slots))
    try:
        text = json.dumps(whole[0] if whole else None, separators=(",", ":"), ensure_ascii=False)
        return text.encode(errors="surrogatepass")
    except (ValueError, RecursionError):
        return None


def _slots(whole: Any) -> list[Slot]:
    found: list[Slot] = []
    left = [whole]
    while left:
        container = left.pop()
        keys = container if isinstance(container, dict) else range(len(container))
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], dict | list):
                left.append(container[key])
    return found


def _replace(chance: random.Random, _slots: list[Slot], slot: Slot) -> None:
    slot[0][slot[1]] = deepcopy(chance.choice(VALUES))


def _nudge(chance: random.Random, _slots: list[Slot], slot: Slot) -> None:
    value = slot[0][slot[1]]
    if type(value) is int:
        slot[0][slot[1]] = value + chance.choice((-1, 1, 1000, -value, value))
    elif isinstance(value, str) and value:
        at = chance.randrange(len(value))
        slot[0][slot[1]] = value[:at] + chance.choice("09azZ-:@ \u00e9") + value[at + 1 :]


def _move(chance: random.Random, slots: list[Slot], slot: Slot) -> None:
    container, key = chance.choice(slots)
    slot[0][slot[1]] = deepcopy(container[key])


def _remove(_chance: random.Random, _slots: list[Slot], slot: Slot) -> None:
    del slot[0][slot[1]]


def _double(_chance: random.Random, _slots: list[Slot], slot: Slot) -> None:
    if isinstance(slot[0], list):
        slot[0].append(deepcopy(slot[0][slot[1]]))


_CHANGES: tuple[Callable[[random.Random, list[Slot], Slot], None], ...] = (
    *(_replace, _replace, _nudge, _nudge, _nudge, _move, _remove, _double),
)
