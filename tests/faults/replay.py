"""A disk as a power cut leaves it: what was synced is there, of the rest any part may be.

In: `Op`s in order. Out: folders as they may be found at the next start. What was written since a
file's last sync survives in any combination of sectors; names survive in their order, and surely
only once their folder was synced. Disks write whole sectors of 512 bytes, or tear there.
"""

import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.preload import Op

SECTOR_BYTES = 512
NOT_KEPT = ("-shm", ".lock")
"""Shared memory and locks say nothing after a restart: SQLite makes them anew."""


class _File:
    """What a file's sectors hold, and what was done since they were surely written."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[Op] = []

    def sync(self) -> None:
        for op in self.pending:
            _apply(self.durable, op)
        self.pending = []

    def after_cut(self, chance: random.Random, how: str) -> bytes:
        found = bytearray(self.durable)
        last = len(self.pending) - 1
        for number, op in enumerate(self.pending):
            if how == "nothing" or (how == "some" and chance.random() < 0.5):
                continue
            if op.kind == "T" or (how == "all" and number < last):
                _apply(found, op)
            else:
                _tear(found, op, chance)
        return bytes(found)


def _apply(found: bytearray, op: Op) -> None:
    if op.kind == "T":
        del found[op.offset :]
        found.extend(bytes(op.offset - len(found)))
        return
    found.extend(bytes(max(0, op.offset - len(found))))
    found[op.offset : op.offset + len(op.data)] = op.data


def _tear(found: bytearray, op: Op, chance: random.Random) -> None:
    """Each sector of a write arrives or does not."""
    at, end = op.offset, op.offset + len(op.data)
    while at < end:
        until = min(end, (at // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if chance.random() < 0.5:
            piece = op.data[at - op.offset : until - op.offset]
            _apply(found, Op("W", op.path, at, piece))
        at = until


class Disk:
    """One folder's files, followed call by call."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._durable: dict[str, _File] = {}
        self._names: dict[str, _File] = {}
        self._pending: list[tuple[Op, _File | None]] = []

    def follow(self, op: Op) -> None:
        """One call more."""
        if op.kind == "S" and op.path == self._folder:
            self._durable = dict(self._names)
            self._pending = []
        elif op.kind in "CRU":
            file = _File() if op.kind == "C" else None
            _rename(self._names, op, file)
            self._pending.append((op, file))
        elif op.path in self._names:
            file = self._names[op.path]
            if op.kind == "S":
                file.sync()
            elif op.kind in "WT":
                file.pending.append(op)

    def cut(self, into: Path, chance: random.Random) -> None:
        """Write the files as a power cut at this moment may leave them."""
        how = chance.choice(("nothing", "some", "some", "all"))
        names = dict(self._durable)
        for op, file in self._pending[: chance.randint(0, len(self._pending))]:
            _rename(names, op, file)
        for path, file in names.items():
            if not path.endswith(NOT_KEPT):
                target = into / os.path.relpath(path, self._folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.after_cut(chance, how))


def _rename(names: dict[str, _File], op: Op, file: _File | None) -> None:
    if op.kind == "C" and file is not None:
        names[op.path] = file
    elif op.path in names:
        moved = names.pop(op.path)
        if op.kind == "R":
            names[op.data.decode()] = moved


def cuts(
    ops: Sequence[Op], folder: Path, into: Path, chance: random.Random, times: int
) -> Iterator[tuple[int, Path]]:
    """The disk after power cuts at `times` random writes: how many calls were made, and where."""
    changes = [place for place, op in enumerate(ops) if op.kind in "WTCRU"]
    disk = Disk(folder)
    done = 0
    for number, place in enumerate(sorted(chance.choices(changes, k=times))):
        for op in ops[done : place + 1]:
            disk.follow(op)
        done = place + 1
        found = into / f"{number:04d}"
        found.mkdir(parents=True)
        disk.cut(found, chance)
        yield done, found


def as_normal(ops: Sequence[Op]) -> list[Op]:
    """The same calls as `synchronous=NORMAL` makes them: the write-ahead log is synced before it is
    written back and when it begins anew, but not at each commit (https://sqlite.org/pragma.html)."""
    kept = []
    for place, op in enumerate(ops):
        if op.kind == "S" and op.path.endswith("-wal") and not _needed(ops, place):
            continue
        kept.append(op)
    return kept


def _needed(ops: Sequence[Op], place: int) -> bool:
    log, main = ops[place].path, ops[place].path.removesuffix("-wal")
    before = next((op for op in reversed(ops[:place]) if op.path == log), None)
    if before is not None and before.kind == "W" and before.offset == 0 and len(before.data) == 32:
        return True
    later = (op for op in ops[place + 1 :] if op.path in (log, main) and op.kind != "S")
    after = next(later, None)
    return after is not None and after.path == main
