"""Reads which rack, by its feeds, powers which hosts since when, with the line of what is wrong.

    racks:
      - code: salle1-r12
        feeds: [r12-a, r12-b]           # how the names of each feed's exports begin
        powers:                         # dated, Paris days, `to` excluded
          - {hosts: [gpu-01, gpu-02], from: 2026-01-01, to: 2026-07-01}
          - {hosts: [gpu-01], from: 2026-07-01}

In: a path. Out: `RackFile`. A host stands in one rack at a time, a feed in one rack.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec

from footprint.service import yaml_lines
from footprint.service.errors import CommandError, Place, PlaceError
from footprint.service.register import Code

Stem = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Immutable, and strict about what it decodes."""


class Powers(_Strict, frozen=True):
    """The hosts that a rack powers over Paris days [from, to)."""

    hosts: Annotated[list[Code], msgspec.Meta(min_length=1, max_length=1000)]
    from_: date | None = msgspec.field(default=None, name="from")
    to: date | None = None

    def holds(self, day: date) -> bool:
        """Whether it holds on a Paris day."""
        return (self.from_ is None or self.from_ <= day) and (self.to is None or day < self.to)


class Rack(_Strict, frozen=True):
    """A rack: the beginnings of its feeds' file names, and whom it powers."""

    code: Code
    feeds: Annotated[list[Stem], msgspec.Meta(min_length=1, max_length=16)]
    powers: Annotated[list[Powers], msgspec.Meta(min_length=1, max_length=1000)]

    def hosts(self, day: date) -> tuple[str, ...]:
        """The hosts powered on a Paris day, in the order of their codes; none where none are."""
        return next((tuple(sorted(one.hosts)) for one in self.powers if one.holds(day)), ())


class _File(_Strict, frozen=True):
    racks: Annotated[list[Rack], msgspec.Meta(min_length=1, max_length=10_000)]


class RackFile(msgspec.Struct, frozen=True):
    """The racks of a file."""

    path: Path
    racks: list[Rack]

    def feed_of(self, name: str) -> tuple[str, str]:
        """Rack and feed of an export's file name: the longest beginning that ends at a word.

        Raises CommandError where there is none.
        """
        stem = name.rsplit(".", 1)[0]
        found = [
            (len(feed), rack.code, feed)
            for rack in self.racks
            for feed in rack.feeds
            if stem == feed or (stem.startswith(feed) and not stem[len(feed)].isalnum())
        ]
        if not found:
            raise CommandError(
                f"{name}: no feed of {self.path} begins this file's name; name the file as its "
                "feed, such as r12-a_2026-11.csv, or add the feed; nothing was imported"
            )
        _, rack, feed = max(found)
        return rack, feed


def read(path: Path) -> RackFile:
    """The racks in a YAML file; CommandError with line, field and what is allowed."""
    root = yaml_lines.compose(path)
    lines: dict[Place, int] = {(): 1}
    try:
        content: Any = yaml_lines.plain(root, (), lines)
        racks = yaml_lines.convert(content, _File, ()).racks
        _check(racks)
    except PlaceError as error:
        raise yaml_lines.at(path, lines, error.path, str(error)) from error
    return RackFile(path, racks)


def _check(racks: list[Rack]) -> None:
    codes: set[str] = set()
    feeds: set[str] = set()
    for index, rack in enumerate(racks):
        if rack.code in codes:
            raise PlaceError(f"code: {rack.code!r} stands twice", ("racks", index, "code"))
        codes.add(rack.code)
        for feed in rack.feeds:
            if feed in feeds:
                raise PlaceError(
                    f"feeds: {feed!r} stands twice; a feed powers one rack, once",
                    ("racks", index, "feeds"),
                )
            feeds.add(feed)
    _check_days(racks)


def _check_days(racks: list[Rack]) -> None:
    held: dict[str, list[tuple[date, date, Place]]] = {}
    for place, keys, one in _all_powers(racks):
        start, end = one.from_ or date.min, one.to or date.max
        if end <= start:
            raise PlaceError(f"to: {one.to} is not after `from` {one.from_}", (*place, "to"))
        for key in keys:
            for other_start, other_end, _ in held.setdefault(key, []):
                if start < other_end and other_start < end:
                    raise PlaceError(
                        f"{key}: stands twice between {max(start, other_start)} and "
                        f"{min(end, other_end)}; end one with `to`",
                        place,
                    )
            held[key].append((start, end, place))


def _all_powers(racks: list[Rack]) -> Iterator[tuple[Place, list[str], Powers]]:
    """Each dated set with its place and what must not stand elsewhere at that time."""
    for index, rack in enumerate(racks):
        for position, one in enumerate(rack.powers):
            keys = [f"rack {rack.code}", *(f"host {host}" for host in one.hosts)]
            yield ("racks", index, "powers", position), keys, one
