"""The register: directorates, projects, SIA and their dated shares, shared servers.

In: JSON or YAML bodies. Out: structs; `register_check` says what they must hold. A SIA belongs to
one project or, by dated shares in permille that add up to 1000 at each instant, to several.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Literal

import msgspec

from footprint import codes
from footprint.service.errors import PlaceError

Code = Annotated[str, msgspec.Meta(pattern=rf"^{codes.CODE_PATTERN}\Z")]
SHOWN = r"^[^\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]*\Z"
"""Text that shows as it is kept: no control characters, and none that turns its direction."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=SHOWN)]
Permille = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Weight = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Unit = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=SHOWN)]
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
    """An AI system and the projects that carry it (none: not allocated). `unit` names what it does
    one of at a time (page, document, second of audio): its functional unit, if it has one."""

    code: Code
    name: Name
    shares: Annotated[list[Share], msgspec.Meta(max_length=1000)] = []
    unit: Unit | None = None


class Weights(_Strict, frozen=True):
    """What a token weighs when a server's energy is split: one prompted, one generated."""

    prompt: Weight
    generated: Weight


class Server(_Strict, frozen=True):
    """A shared server: a consumer whose energy is split over those who use it.

    `weights` is None where none are declared: the method's own then; "fit": those that the server's
    own energy tells, as long as it tells them, else the method's. `idle`: whether its idle
    energy is split over its users of the month, or stays its own. `models` names the boards (GPU
    UUIDs) of each of its models, where it serves several on boards of their own.
    """

    code: Code
    name: Name
    weights: Weights | Literal["fit"] | None = None
    idle: Literal["use", "none"] = "use"
    models: dict[str, list[str]] = {}


class Register(_Strict, frozen=True):
    """A register's file: everything in it is taken over, or nothing."""

    directorates: list[Directorate] = []
    projects: list[Project] = []
    sia: list[Sia] = []
    servers: list[Server] = []


Item = Directorate | Project | Sia | Server
LISTS: dict[str, type[Item]] = {
    "directorates": Directorate,
    "projects": Project,
    "sia": Sia,
    "servers": Server,
}
"""Every list of a register, and what its items are."""


def holds(share: Share, day: date) -> bool:
    """Whether a share holds on a Paris day."""
    return (share.from_ is None or share.from_ <= day) and (share.to is None or day < share.to)


def permille(shares: Iterable[Share], day: date) -> Mapping[str, int]:
    """The projects that carry a SIA on a Paris day, with their permille."""
    return {share.project: share.permille for share in shares if holds(share, day)}
