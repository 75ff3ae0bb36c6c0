"""The lines of a file that a person gives, one at a time and none of them long, hashed on the way.

In: a path. Out: lines as bytes, or CommandError with the line and the remedy; memory is bounded by
one line, whatever the file.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from footprint.service.errors import CommandError

MAX_LINE_BYTES = 65_536
HEAD_BYTES = 4096


class FileLines:
    """The lines of one file; `sha256` is of all bytes read so far."""

    def __init__(self, path: Path, what: str) -> None:
        self._path = path
        self._what = what
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what was read, in hexadecimal."""
        return self._digest.hexdigest()

    def check(self) -> None:
        """Raise CommandError for what is no file: a pipe can be read but once."""
        if self._path.exists() and not self._path.is_file():
            raise CommandError(f"{self._path}: is no file; give a file; nothing was imported")

    def head(self) -> bytes:
        """The first bytes of the file, some of its first line at least."""
        return self._read(HEAD_BYTES)

    def whole(self, most_bytes: int) -> bytes:
        """All of the file, or its first `most_bytes`."""
        content = self._read(most_bytes)
        self._digest.update(content)
        return content

    def _read(self, most_bytes: int) -> bytes:
        try:
            with self._path.open("rb") as file:
                return file.read(most_bytes)
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> CommandError:
        return CommandError(
            f"{self._path}: cannot be read: {error.strerror}; check the path; nothing was imported"
        )

    def __iter__(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as file:
                number = 0
                while raw := file.readline(MAX_LINE_BYTES + 1):
                    number += 1
                    if len(raw) > MAX_LINE_BYTES:
                        raise CommandError(
                            f"{self._path}: line {number}: longer than {MAX_LINE_BYTES} bytes; is "
                            f"this {self._what}? nothing was imported"
                        )
                    self._digest.update(raw)
                    yield raw
        except OSError as error:
            raise self._unreadable(error) from error

    def text(self) -> Iterator[str]:
        """The lines as UTF-8, a mark at the beginning left out."""
        for number, raw in enumerate(self, 1):
            try:
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise CommandError(
                    f"{self._path}: line {number}: not UTF-8 (byte {error.start + 1}); save it as "
                    "UTF-8; nothing was imported"
                ) from error
