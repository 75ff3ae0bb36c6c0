"""Reads a register from YAML, and says at which line it is wrong.

    directorates:
      - {code: dgfip, name: Direction générale des Finances publiques}
    projects:
      - {code: accueil, name: Accueil des usagers, directorate: dgfip}
    sia:
      - {code: chat, name: Assistant, project: accueil}     # short for one share of 1000 permille
      - code: tri
        name: Tri du courrier
        shares:                                             # dated, Paris days, `to` excluded
          - {project: accueil, permille: 600, from: 2026-01-01}
          - {project: autre, permille: 400, from: 2026-01-01}

In: a path. Out: `Register`, checked in itself; what it refers to is checked where it is stored.
"""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from footprint.service.errors import CommandError
from footprint.service.register import (
    WHOLE,
    Directorate,
    Project,
    Register,
    RegisterError,
    Share,
    Sia,
)

_INTEGER = "tag:yaml.org,2002:int"
_NULL = "tag:yaml.org,2002:null"
_LISTS: dict[str, type[msgspec.Struct]] = {
    "directorates": Directorate,
    "projects": Project,
    "sia": Sia,
}
Place = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""


class RegisterFile(msgspec.Struct, frozen=True):
    """A register and the line of each of its values."""

    register: Register
    path: Path
    lines: dict[Place, int]

    def error(self, error: RegisterError) -> CommandError:
        """`error` with the line that it comes from."""
        return _at(self.path, self.lines, error.path, str(error))


def read(path: Path) -> RegisterFile:
    """The register in a YAML file; CommandError with line, field and what is allowed."""
    root = _compose(path)
    lines: dict[Place, int] = {(): 1}
    try:
        content = _plain(root, (), lines)
        _check_fields(content)
        return RegisterFile(_convert(_spell_out(content)), path, lines)
    except RegisterError as error:
        raise _at(path, lines, error.path, str(error)) from error


def _compose(path: Path) -> yaml.Node | None:
    try:
        text = path.read_text(encoding="utf-8")
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CommandError(f"{path}: cannot be read: {reason}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise CommandError(f"{path}{line}: not YAML: {getattr(error, 'problem', error)}") from error


def _plain(node: yaml.Node | None, place: Place, lines: dict[Place, int]) -> Any:
    """A node as plain values: texts, integers, lists, mappings; dates stay texts."""
    if node is None:
        return {}
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, n), lines) for n, item in enumerate(node.value)]
    if node.tag == _NULL:
        return None
    if node.tag == _INTEGER and node.value.isascii() and node.value.isdigit():
        return int(node.value)
    return node.value


def _mapping(node: yaml.MappingNode, place: Place, lines: dict[Place, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        lines[*place, key] = key_node.start_mark.line + 1
        if key in found:
            raise RegisterError(f"{key}: stands twice", (*place, key))
        found[key] = _plain(value_node, (*place, key), lines)
    return found


def _check_fields(content: Any) -> None:
    """Name the field that does not exist, and those that do, before anything else."""
    _check_keys(content, tuple(_LISTS), ())
    for name, kind in _LISTS.items():
        allowed = _fields(kind)
        for index, item in enumerate(_list(content.get(name), (name,))):
            _check_keys(item, allowed, (name, index))
            for n, share in enumerate(_list(item.get("shares"), (name, index, "shares"))):
                _check_keys(share, _fields(Share), (name, index, "shares", n))


def _fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    names = tuple(field.encode_name for field in msgspec.structs.fields(kind))
    return (*names, "project") if kind is Sia else names


def _list(value: Any, place: Place) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise RegisterError(f"{place[-1]}: write a list, each item after a dash", place)
    return value


def _check_keys(value: Any, allowed: tuple[str, ...], place: Place) -> None:
    if not isinstance(value, dict):
        raise RegisterError(f"write a mapping of {', '.join(allowed)}", place)
    for key in value:
        if key not in allowed:
            raise RegisterError(
                f"{key}: no such field; allowed: {', '.join(allowed)}", (*place, key)
            )


def _spell_out(content: dict[str, Any]) -> dict[str, Any]:
    """`project: P` of a SIA as its one share; lists left empty as empty lists."""
    for index, item in enumerate(content.get("sia") or []):
        if "project" in item:
            if "shares" in item:
                raise RegisterError(
                    "project: give either project or shares", ("sia", index, "project")
                )
            item["shares"] = [{"project": item.pop("project"), "permille": WHOLE}]
    return {name: items for name, items in content.items() if items is not None}


def _convert(content: dict[str, Any]) -> Register:
    items: dict[str, list[Any]] = {}
    for name, kind in _LISTS.items():
        items[name] = [
            _item(value, kind, (name, index)) for index, value in enumerate(content.get(name, []))
        ]
    return msgspec.structs.replace(Register(), **items)


def _item(value: Any, kind: type[msgspec.Struct], place: Place) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason, inner = _reason(str(error))
        field = f"{inner[-1]}: " if inner else ""
        raise RegisterError(f"{field}{reason}{_remedy(reason)}", (*place, *inner)) from error


def _reason(message: str) -> tuple[str, Place]:
    """msgspec's message and the place in it: "... - at `$.shares[0].permille`"."""
    reason, _, where = message.partition(" - at `$")
    steps: list[str | int] = []
    for step in where.rstrip("`").replace("[", ".").split("."):
        name = step.rstrip("]")
        if name:
            steps.append(int(name) if name.isdigit() else name)
    return reason, tuple(steps)


def _remedy(reason: str) -> str:
    if "matching regex" in reason:
        return "; use 1 to 63 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit"
    return ""


def _at(path: Path, lines: dict[Place, int], place: Place, message: str) -> CommandError:
    """The error with the line of its place, or of the nearest thing around it."""
    while place not in lines:
        place = place[:-1]
    return CommandError(f"{path}, line {lines[place]}: {message}; nothing was imported")
