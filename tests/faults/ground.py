"""What a fault is: what is done, what is promised, how often; and where it is done.

`run` does it on a `Ground` and returns what was found in one line; it raises AssertionError where
a promise is broken. Every fault ends with sums compared under `==`, in microjoules.
"""

import random
from collections.abc import Callable
from pathlib import Path

import msgspec


class Ground(msgspec.Struct, frozen=True):
    """A folder of its own, how often the fault is injected, and the chance that decides where."""

    folder: Path
    times: int
    chance: random.Random

    def sub(self, name: str) -> Path:
        """A new folder in it."""
        made = self.folder / name
        made.mkdir(parents=True)
        return made


class Fault(msgspec.Struct, frozen=True):
    """One fault. `short`: how often in `make test`; `full`: in `make faults`."""

    name: str
    done: str
    promised: str
    run: Callable[[Ground], str]
    short: int
    full: int


def uj(energy_uj: int) -> str:
    """Microjoules for a reader: grouped digits."""
    return f"{energy_uj:_} uJ".replace("_", " ")
