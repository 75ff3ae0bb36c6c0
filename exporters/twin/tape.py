"""Numbers noted in the course of a run, in files and not in memory.

The simulation shares its process with the agent, whose memory after a day is one of the results:
what is noted for the referee must not be counted as the agent's.
"""

import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol


class Numbers(Protocol):
    """A row of integers of fixed length."""

    def __getitem__(self, index: int, /) -> int: ...
    def __setitem__(self, index: int, value: int, /) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[int]: ...


SIZES = {"q": 8, "b": 1}


class Tape:
    """Rows of zeros to be written over, each in an unnamed file below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: list[mmap.mmap] = []

    def numbers(self, kind: Literal["q", "b"], length: int) -> Numbers:
        """`length` integers of 64 (`q`) or 8 (`b`) bits, with sign."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            file.truncate(max(1, length * SIZES[kind]))
            mapped = mmap.mmap(file.fileno(), 0)
        self._maps.append(mapped)
        return memoryview(mapped)[: length * SIZES[kind]].cast(kind)

    def forget(self) -> None:
        """Give the memory back; the files keep what was written (madvise(2), shared mapping)."""
        for mapped in self._maps:
            mapped.madvise(mmap.MADV_DONTNEED)
