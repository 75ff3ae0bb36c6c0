"""One thing that reads what others wrote, and real inputs for it.

A target is given bytes. It returns where they are read, or refused as documented; any other
exception is a crash, and so are an assertion, a time limit, and memory beyond a bound.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import msgspec

FOUND = Path(__file__).with_name("found")
"""Inputs that once crashed a target, in a folder of its name: they are seeds for good."""


class Target(msgspec.Struct, frozen=True):
    """`read` raises nothing; `json`: what it reads is JSON, which is changed as JSON too."""

    name: str
    read: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    json: bool = False
    most_bytes: int = 8192

    def inputs(self) -> list[bytes]:
        """Real inputs, and what was found before."""
        found = sorted((FOUND / self.name).glob("*"))
        return [*self.seeds(), *(path.read_bytes() for path in found)]


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    memory = "/dev/shm"
    where = memory if os.access(memory, os.W_OK) else None
    return tempfile.TemporaryDirectory(prefix="footprint-fuzz-", dir=where)


def file(name: str, content: bytes) -> Path:
    """A file of this content, in memory where there is room for it; the same path each time."""
    path = Path(_folder().name) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def parts(data: bytes, most: int) -> list[bytes]:
    """Several files in one input: what lines of `---` part."""
    return data.split(b"\n---\n", most - 1)


def one_line(error: Exception) -> None:
    """What a person is told is one line."""
    message = str(error)
    assert message
    assert "\n" not in message
