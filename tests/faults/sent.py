"""What programs told each other, from the bytes that they sent: what must outlive a power cut.

In: the `N` calls of a program. Out: pages that an agent posted whole, heads that a service
acknowledged, each with the number of calls made before.
"""

from collections.abc import Iterator, Sequence

import msgspec
import zstandard

from footprint.ledger import Batch, Envelope, Head
from tests.faults.preload import Op

_END = b"\r\n\r\n"


class _Answer(msgspec.Struct):
    heads: list[Head]
    accepted: int


def pages(ops: Sequence[Op]) -> Iterator[tuple[int, list[Envelope]]]:
    """Batches that an agent has sent whole, each once it was."""
    begun: dict[str, bytes] = {}
    for place, op in enumerate(ops):
        if op.kind != "N":
            continue
        so_far = op.data if op.data.startswith(b"POST ") else begun.get(op.path, b"") + op.data
        begun[op.path] = so_far
        head, _, body = so_far.partition(_END)
        length = _header(head, b"content-length")
        if so_far.startswith(b"POST ") and length and len(body) == int(length):
            if _header(head, b"content-encoding") == b"zstd":
                body = zstandard.ZstdDecompressor().decompressobj().decompress(body)
            yield place, msgspec.json.decode(body, type=Batch).pages
            del begun[op.path]


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.strip().lower() == name:
            return value.strip()
    return b""


def acknowledged(ops: Sequence[Op]) -> Iterator[tuple[int, list[Head]]]:
    """Heads that a service has sent with a success, each before it was on its way."""
    for place, op in enumerate(ops):
        if op.kind == "N" and b'"accepted":' in op.data:
            body = op.data[op.data.index(b"{") :]
            yield place, msgspec.json.decode(body, type=_Answer).heads
