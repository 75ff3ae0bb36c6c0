"""The library between a program and its files: made by gcc, asked by environment, read as `Op`s.

In: a folder whose files are watched. Out: what the program did to them and what it sent, in order,
and at which kind of call it was ended, where it was told to be.
"""

import struct
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_name("preload.c")
_HEAD = struct.Struct("=IIqQ")


class Op(NamedTuple):
    """One call. `kind`: C created, W written at `offset`, T cut to `offset` bytes, S synced, R
    renamed to `data`, U unlinked, N sent on a connection (`path`: its descriptor), K ended."""

    kind: str
    path: str
    offset: int
    data: bytes


def build(folder: Path) -> Path:
    """The library, compiled once a folder."""
    library = folder / "preload.so"
    if not library.exists():
        flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]
        command = ["gcc", *flags, "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
        subprocess.run(command, check=True)
    return library


def watching(library: Path, log: Path, under: Path) -> dict[str, str]:
    """The environment of a program whose doings under a folder are written to `log`."""
    return {
        "LD_PRELOAD": str(library),
        "FOOTPRINT_FAULT_LOG": str(log),
        "FOOTPRINT_FAULT_UNDER": f"{under}",
    }


def ending(
    watched: Mapping[str, str], of: str, at: int, reads: Path | None = None
) -> dict[str, str]:
    """The same of a program that is killed before or after its calls `of` a kind, such as `send`,
    at the moment number `at` of these; `counter` is a read of a file under `reads`."""
    more = {"FOOTPRINT_FAULT_KILL_OF": of, "FOOTPRINT_FAULT_KILL_AT": str(at)}
    if reads is not None:
        more["FOOTPRINT_FAULT_READS"] = str(reads)
    return {**watched, **more}


def read(log: Path) -> Iterator[Op]:
    """What is in a log. A record that a kill cut short ends it."""
    data = log.read_bytes() if log.exists() else b""
    at = 0
    while at + _HEAD.size <= len(data):
        kind, path_bytes, offset, data_bytes = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        path = data[at : at + path_bytes].decode()
        at += path_bytes
        yield Op(chr(kind), path, offset, data[at : at + data_bytes])
        at += data_bytes
