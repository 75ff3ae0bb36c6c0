"""What a register must hold, within itself and against what is held already.

In: a register that is to be taken over, and the one held. Out: nothing, or the first thing that
cannot be, with its place and the remedy.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date

from footprint import codes
from footprint.interval import check_day
from footprint.service import aliases_check, sites_check
from footprint.service.errors import Place
from footprint.service.register import (
    LISTS,
    WHOLE,
    Hardware,
    Item,
    Register,
    RegisterError,
    Server,
    Share,
    Sia,
    holds,
)

_TEXTS = ("name", "purpose", "owner", "unit")
_BOARD = re.compile(r"GPU-[0-9A-Za-z-]{1,123}")


def check(register: Register, held: Register) -> None:
    """Raise RegisterError where something in `register` stands there twice, names a directorate or
    project that is neither in it nor in `held`, has shares that do not add up, is SIA and server
    at once, or where a board has two models or servers."""
    directorates = {item.code for item in held.directorates}
    projects = {item.code for item in held.projects}
    directorates |= _codes(register.directorates, "directorates")
    projects |= _codes(register.projects, "projects")
    for index, project in enumerate(register.projects):
        if project.directorate not in directorates:
            raise RegisterError(
                f"directorate: {project.directorate!r} is not known; known: {_list(directorates)}",
                ("projects", index, "directorate"),
            )
    _check_blanks(register, held)
    _check_either(register, held)
    for index, sia in enumerate(register.sia):
        _check_sia(sia, projects, index)
    aliases_check.check(register, held)
    _check_boards(register.servers, held.servers)
    _codes(register.sites, "sites")
    sites_check.check(register.sites, held.sites)
    _codes(register.hardware, "hardware")
    for index, hardware in enumerate(register.hardware):
        _check_hardware(hardware, ("hardware", index))


def _check_blanks(register: Register, held: Register) -> None:
    """Raise RegisterError for a text with blanks around it, which no spreadsheet keeps. What is
    held already may be told again as it is."""
    for list_ in LISTS:
        known = {item.code: item for item in getattr(held, list_)}
        for index, item in enumerate(getattr(register, list_)):
            for name in _TEXTS if known.get(item.code) != item else ():
                text = getattr(item, name, None)
                if text is not None and text != text.strip():
                    raise RegisterError(
                        f"{name}: {text!r} has blanks around it; take them away",
                        (list_, index, name),
                    )


def _check_hardware(hardware: Hardware, place: Place) -> None:
    for name, day in (("from", hardware.from_), ("to", hardware.to)):
        try:
            if day is not None:
                check_day(day)
        except ValueError as error:
            raise RegisterError(
                f"hardware {hardware.code}: `{name}` {error}", (*place, name)
            ) from error
    if hardware.to and hardware.to <= hardware.from_:
        raise RegisterError(
            f"hardware {hardware.code}: `to` {hardware.to} is not after `from` {hardware.from_}",
            (*place, "to"),
        )
    seen: set[str] = set()
    for position, one in enumerate(hardware.parts):
        if one.part in seen:
            raise RegisterError(
                f"hardware {hardware.code}: part {one.part!r} stands there twice; add the counts",
                (*place, "parts", position, "part"),
            )
        seen.add(one.part)


def _check_either(register: Register, held: Register) -> None:
    """A code is a SIA's, a server's or an external service's, never two of them, since codes are
    never used again."""
    whose = {"sia": "a SIA's", "servers": "a shared server's", "externals": "an external service's"}
    known = {
        name: _codes(getattr(register, name), name) | {item.code for item in getattr(held, name)}
        for name in whose
    }
    for name in ("servers", "sia", "externals"):
        for index, item in enumerate(getattr(register, name)):
            other = next((of for of in whose if of != name and item.code in known[of]), None)
            if other is not None:
                raise RegisterError(
                    f"code: {item.code!r} is {whose[other]} already; what runs for many has a code "
                    "of its own, under which its host's rules or its gateway's settings put it",
                    (name, index, "code"),
                )


def _check_boards(servers: Sequence[Server], held: Iterable[Server]) -> None:
    """A board's energy is one model's, of one server."""
    told = {server.code for server in servers}
    taken = {
        board: (server.code, model)
        for server in held
        if server.code not in told
        for model, boards in server.models.items()
        for board in boards
    }
    for index, server in enumerate(servers):
        for model, boards in server.models.items():
            place = ("servers", index, "models", model)
            _check_model(model, boards, place)
            for position, board in enumerate(boards):
                _check_board(board, (server.code, model), taken, (*place, position))


def _check_model(model: str, boards: list[str], place: Place) -> None:
    try:
        codes.check_code(model, "models")
    except ValueError as error:
        raise RegisterError(f"{error}; name it as its usage does", place) from error
    if not boards:
        raise RegisterError(
            f"models: {model!r} has no boards; give their GPU UUIDs, or leave `models` out where "
            "all models share all boards",
            place,
        )


def _check_board(
    board: str, holder: tuple[str, str], taken: dict[str, tuple[str, str]], place: Place
) -> None:
    if _BOARD.fullmatch(board) is None:
        raise RegisterError(
            f"models: {board!r} is no UUID of a GPU, which begins with GPU-; `nvidia-smi -L` "
            "shows them",
            place,
        )
    if board in taken:
        server, model = taken[board]
        raise RegisterError(
            f"models: {board} is already the board of model {model!r} of server {server!r}; a "
            "board's energy is one model's: leave `models` out where models share boards",
            place,
        )
    taken[board] = holder


def _check_sia(sia: Sia, known_projects: set[str], index: int) -> None:
    if sia.owner is not None and "@" in sia.owner:
        raise RegisterError(
            "owner: looks like an address; name a role, such as Chef de projet, never a person",
            ("sia", index, "owner"),
        )
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


def _codes(items: Iterable[Item], where: str) -> set[str]:
    found: set[str] = set()
    for index, item in enumerate(items):
        if item.code in found:
            raise RegisterError(f"code: {item.code!r} stands twice", (where, index, "code"))
        found.add(item.code)
    return found


def _list(known: set[str]) -> str:
    return ", ".join(sorted(known)[:20]) or "none yet"
