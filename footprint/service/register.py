"""The register: directorates, projects, SIA and their dated shares, and what they must hold.

In: JSON or YAML bodies. Out: checked structs. A SIA belongs to one project or, by dated shares in
permille that add up to 1000 at each instant, to several.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated

import msgspec

from footprint import codes
from footprint.interval import check_day
from footprint.service.errors import PlaceError

Code = Annotated[str, msgspec.Meta(pattern=rf"^{codes.CODE_PATTERN}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Permille = Annotated[int, msgspec.Meta(ge=1, le=1000)]
WHOLE = 1000


class RegisterError(PlaceError):
    """Something that cannot be registered."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Immutable, and strict about what it decodes."""


class Directorate(_Strict, frozen=True):
    """A directorate of the ministry."""

    code: Code
    name: Name


class Project(_Strict, frozen=True):
    """A project and the directorate that runs it."""

    code: Code
    name: Name
    directorate: Code


class Share(_Strict, frozen=True, rename={"from_": "from"}, omit_defaults=True):
    """Permille of a SIA that a project carries over Paris days [from, to); both may be left out:
    since ever, for ever."""

    project: Code
    permille: Permille
    from_: date | None = None
    to: date | None = None


class Sia(_Strict, frozen=True):
    """An AI system and the projects that carry it (none: not allocated)."""

    code: Code
    name: Name
    shares: Annotated[list[Share], msgspec.Meta(max_length=1000)] = []


class Register(_Strict, frozen=True):
    """A register's file: everything in it is taken over, or nothing."""

    directorates: list[Directorate] = []
    projects: list[Project] = []
    sia: list[Sia] = []


Item = Directorate | Project | Sia


def check_shares(sia: Sia) -> None:
    """Raise RegisterError unless the shares add up to 1000 on each day from the first to the last
    they name, each of them running forward, no project twice on a day."""
    for index, share in enumerate(sia.shares):
        _check_days(sia, share, index)
        if share.from_ and share.to and share.to <= share.from_:
            raise RegisterError(
                f"sia {sia.code}: a share's `to` {share.to} is not after its `from` {share.from_}",
                ("shares", index, "to"),
            )
    for day in _starts(sia.shares):
        _check_day(sia, day)


def _check_days(sia: Sia, share: Share, index: int) -> None:
    for name, day in (("from", share.from_), ("to", share.to)):
        try:
            if day is not None:
                check_day(day)
        except ValueError as error:
            raise RegisterError(
                f"sia {sia.code}: a share's `{name}` {error}; leave it out for no limit",
                ("shares", index, name),
            ) from error


def _starts(shares: Iterable[Share]) -> list[date]:
    days = {share.from_ or date.min for share in shares}
    return sorted(days | {share.to for share in shares if share.to})


def _check_day(sia: Sia, day: date) -> None:
    on = [share for share in sia.shares if holds(share, day)]
    later = any((share.from_ or date.min) > day for share in sia.shares)
    whole = sum(share.permille for share in on)
    since = "" if day == date.min else f" from {day} on"
    if whole != WHOLE and (on or later):
        raise RegisterError(
            f"sia {sia.code}: shares add up to {whole} permille{since}, not to {WHOLE}",
            ("shares",),
        )
    if len({share.project for share in on}) < len(on):
        raise RegisterError(f"sia {sia.code}: a project has two shares{since}", ("shares",))


def holds(share: Share, day: date) -> bool:
    """Whether a share holds on a Paris day."""
    return (share.from_ is None or share.from_ <= day) and (share.to is None or day < share.to)


def permille(shares: Iterable[Share], day: date) -> Mapping[str, int]:
    """The projects that carry a SIA on a Paris day, with their permille."""
    return {share.project: share.permille for share in shares if holds(share, day)}


def check_references(
    register: Register, directorates: Iterable[str], projects: Iterable[str]
) -> None:
    """Raise RegisterError where something names a directorate or project that is neither in the
    register's own lists nor among those known, stands there twice, or shares do not add up."""
    known_directorates = {*directorates, *_codes(register.directorates, "directorates")}
    known_projects = {*projects, *_codes(register.projects, "projects")}
    _codes(register.sia, "sia")
    for index, project in enumerate(register.projects):
        if project.directorate not in known_directorates:
            raise RegisterError(
                f"directorate: {project.directorate!r} is not known; "
                f"known: {_list(known_directorates)}",
                ("projects", index, "directorate"),
            )
    for index, sia in enumerate(register.sia):
        _check_sia(sia, known_projects, index)


def _check_sia(sia: Sia, known_projects: set[str], index: int) -> None:
    for position, share in enumerate(sia.shares):
        if share.project not in known_projects:
            raise RegisterError(
                f"project: {share.project!r} is not known; known: {_list(known_projects)}",
                ("sia", index, "shares", position, "project"),
            )
    try:
        check_shares(sia)
    except RegisterError as error:
        raise RegisterError(str(error), ("sia", index, *error.path)) from error


def _codes(items: Iterable[Item], where: str) -> set[str]:
    found: set[str] = set()
    for index, item in enumerate(items):
        if item.code in found:
            raise RegisterError(f"code: {item.code!r} stands twice", (where, index, "code"))
        found.add(item.code)
    return found


def _list(known: set[str]) -> str:
    return ", ".join(sorted(known)[:20]) or "none yet"
