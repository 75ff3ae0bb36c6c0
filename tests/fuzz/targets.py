"""Every target, by its name."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module

from footprint import ledger
from footprint.ledger import PageError
from tests.fuzz.target import Target
from tests.pages import make_ledger

ROOMS = ("hosts", "imports", "pages")
"""From what takes the least time to be imported under atheris to what takes the most."""


@cache
def _of(room: str) -> dict[str, Target]:
    return {target.name: target for target in import_module(f"tests.fuzz.{room}").TARGETS}


def every() -> dict[str, Target]:
    """All targets by their names."""
    return {name: target for room in ROOMS for name, target in _of(room).items()}


def find(name: str) -> Target:
    """The target of that name, without importing more than it takes."""
    own = {PLANTED.name: PLANTED, ALL.name: ALL}
    found = own.get(name) or next((_of(room)[name] for room in ROOMS if name in _of(room)), None)
    if found is None:
        raise KeyError(name)
    return found


def _defect(data: bytes) -> None:
    """Fails for a page that can be used and whose host's clock was behind, as no seed's was."""
    try:
        page = ledger.decode(data)
    except PageError:
        return
    assert page.clock_offset_us >= 0


def _seed() -> Iterator[bytes]:
    yield make_ledger(1)[0].body


PLANTED = Target("planted", _defect, _seed, json=True)
"""A defect put here to be found: the proof that the rest of this room can find one."""


def _any(data: bytes) -> None:
    """The first byte says which target reads the rest."""
    if data:
        targets = list(every().values())
        targets[data[0] % len(targets)].read(data[1:])


def _seeds() -> Iterator[bytes]:
    for number, target in enumerate(every().values()):
        yield from (bytes([number]) + seed for seed in target.inputs())


ALL = Target("all", _any, _seeds)
"""Every target in one process: making one ready takes seconds."""
