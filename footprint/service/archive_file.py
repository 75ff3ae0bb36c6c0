"""The archive file of a month: pages with their bytes, to be read and checked without a database.

In: a header and pages in the order of kind, host, ledger and number. Out: the file
`footprint-MONTH.jsonl.zst`, one JSON object a line, the header first; or what is wrong with such a
file. A page's own bytes are the text `page` (`page_base64` where they are no text): their SHA-256
is its `hash`, but for a usage page of which only its place in the chain was kept. Nothing is at the
file's name before it is whole and on the disk.
"""

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
import zstandard

from footprint import ledger
from footprint.service import judge
from footprint.service.store_archive import KINDS
from footprint.service.store_archived import KindName

FORMAT: Literal[1] = 1
LEVEL = 10
MOST_LINE_BYTES = 128 * 1024 * 1024
CHUNK_BYTES = 2048
"""Read at once: unpacked, they are 64 MiB at most (a run of one byte)."""
_PART = ".part"


class ArchiveError(Exception):
    """An archive that cannot be written, or is not what it should be; the message says where."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds. `digest`: SHA-256 over a line `KIND/HOST/LEDGER/SEQ/HASH` for each page,
    each with a newline, in the file's order."""

    footprint_archive: Literal[1]
    month: str
    start: datetime
    end: datetime
    made: datetime
    pages: int
    accepted: int
    quarantined: int
    ledgers: int
    digest: str


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A page as it was kept."""

    kind: KindName
    host_id: str
    ledger_id: str
    seq: int
    hash: str
    known_from: datetime
    state: Literal["accepted", "quarantined"]
    reason: str = ""
    page: str | None = None
    page_base64: str | None = None

    @property
    def body(self) -> bytes:
        """The page's own bytes. Raises ValueError where they are not given, or twice."""
        if (self.page is None) == (self.page_base64 is None):
            raise ValueError("needs either page or page_base64")
        if self.page is not None:
            return self.page.encode()
        return base64.b64decode(self.page_base64 or "", validate=True)


class Checked(msgspec.Struct, frozen=True):
    """A file that is what its header says, and its own SHA-256."""

    header: Header
    sha256: str


class Digest:
    """Counts and hashes of pages, one after another."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.pages = self.accepted = self.ledgers = 0
        self._last: tuple[str, str, str] | None = None

    def add(self, kind: str, host_id: str, ledger_id: str, seq: int, page_hash: str) -> None:
        """The next page."""
        self._hash.update(f"{kind}/{host_id}/{ledger_id}/{seq}/{page_hash}\n".encode())
        self.pages += 1
        self.ledgers += self._last != (kind, host_id, ledger_id)
        self._last = (kind, host_id, ledger_id)

    def hexdigest(self) -> str:
        """Of all so far."""
        return self._hash.hexdigest()


def body_fields(body: bytes) -> dict[str, str]:
    """A page's bytes as the fields of a line."""
    try:
        return {"page": body.decode()}
    except UnicodeDecodeError:
        return {"page_base64": base64.b64encode(body).decode()}


def name_of(month: str) -> str:
    """The name of a month's file."""
    return f"footprint-{month}.jsonl.zst"


def write(path: Path, header: Header, lines: Iterable[Line]) -> None:
    """Make the file, durable, in the place of one of that name. Raises ArchiveError."""
    part = path.with_name(f".{path.name}{_PART}")
    encode = msgspec.json.Encoder().encode
    try:
        with part.open("wb") as file:
            packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
            with packer.stream_writer(file, closefd=False) as packed:
                packed.write(encode(header) + b"\n")
                for line in lines:
                    packed.write(encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise ArchiveError(
            f"{path}: cannot be written: {error.strerror}; make room or choose another folder; "
            "the month stays in the database"
        ) from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def verify(path: Path, see: Callable[[Line], None] | None = None) -> Checked:
    """Read the file whole: every hash and chain, order, counts and digest. Raises ArchiveError at
    the first thing that is wrong; each line is handed to `see`."""
    hashed = hashlib.sha256()
    digest = Digest()
    accepted = 0
    last: Line | None = None
    header, lines = _open(path, hashed.update)
    for number, line in enumerate(lines, 2):
        try:
            _check(line, last)
        except (ValueError, msgspec.DecodeError) as error:
            raise ArchiveError(f"{path}: line {number}: {error}") from error
        digest.add(line.kind, line.host_id, line.ledger_id, line.seq, line.hash)
        accepted += line.state == "accepted"
        if see is not None:
            see(line)
        last = line
    found = (digest.pages, accepted, digest.pages - accepted, digest.ledgers, digest.hexdigest())
    told = (header.pages, header.accepted, header.quarantined, header.ledgers, header.digest)
    if found != told:
        raise ArchiveError(
            f"{path}: holds {_told(*found)}; its header says {_told(*told)}: it was cut short or "
            "changed"
        )
    return Checked(header, hashed.hexdigest())


def _told(pages: int, accepted: int, quarantined: int, ledgers: int, digest: str) -> str:
    states = f"{accepted} accepted, {quarantined} quarantined"
    return f"{pages} pages ({states}) of {ledgers} ledgers, digest {digest[:12]}..."


def _open(path: Path, see: Callable[[bytes], object]) -> tuple[Header, Iterator[Line]]:
    texts = _texts(path, see)
    first = next(texts, b"")
    try:
        header = msgspec.json.decode(first, type=Header)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ArchiveError(f"{path}: line 1: no header of an archive: {error}") from error
    return header, _lines(path, texts)


def _lines(path: Path, texts: Iterator[bytes]) -> Iterator[Line]:
    decode = msgspec.json.Decoder(Line).decode
    for number, text in enumerate(texts, 2):
        try:
            yield decode(text)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ArchiveError(f"{path}: line {number}: {error}") from error


def _texts(path: Path, see: Callable[[bytes], object]) -> Iterator[bytes]:
    """The file's lines without their newlines."""
    rest = b""
    for plain in _unpacked(path, see):
        *texts, rest = (rest + plain).split(b"\n") if b"\n" in plain else [rest + plain]
        if len(rest) > MOST_LINE_BYTES:
            raise ArchiveError(f"{path}: has a line of more than {MOST_LINE_BYTES} bytes")
        yield from texts
    if rest:
        raise ArchiveError(f"{path}: ends within a line: it was cut short")


def _unpacked(path: Path, see: Callable[[bytes], object]) -> Iterator[bytes]:
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    try:
        with path.open("rb") as file:
            # What is checked is what the disk gives back, not what memory still holds.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            while packed := file.read(CHUNK_BYTES):
                see(packed)
                if unpacker.eof:
                    raise ArchiveError(f"{path}: goes on behind its end")
                yield unpacker.decompress(packed)
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be read: {error.strerror or error}") from error
    except zstandard.ZstdError as error:
        raise ArchiveError(f"{path}: cannot be unpacked: {error}") from error
    if not unpacker.eof or unpacker.unused_data:
        how = "goes on behind its end" if unpacker.eof else "ends too early: it was cut short"
        raise ArchiveError(f"{path}: {how}")


_head_decoder = msgspec.json.Decoder(ledger.PageHead)


def _check(line: Line, last: Line | None) -> None:
    """Raise ValueError where a line is not what its page says, or does not follow the last one."""
    name = f"page {line.seq} of host {line.host_id}, ledger {line.ledger_id}"
    body = line.body
    if ledger.hash_bytes(body) != line.hash and not _is_stub(line, body):
        raise ValueError(f"{name}: its bytes do not have the hash {line.hash}")
    head = _head_decoder.decode(body)
    if (head.host_id, head.ledger_id, head.seq) != (line.host_id, line.ledger_id, line.seq):
        raise ValueError(f"{name}: its bytes are another page")
    if last is None or _key(last) < _key(line):
        return
    if _key(last) != _key(line):
        raise ValueError(f"{name}: stands behind {last.host_id}/{last.ledger_id}")
    if line.seq != last.seq + 1 or head.previous_hash != last.hash:
        raise ValueError(f"{name}: does not follow page {last.seq} before it")


def _key(line: Line) -> tuple[str, str, str]:
    return line.kind, line.host_id, line.ledger_id


def _is_stub(line: Line, body: bytes) -> bool:
    return not KINDS[line.kind].whole and line.state == "quarantined" and judge.is_stub(body)
