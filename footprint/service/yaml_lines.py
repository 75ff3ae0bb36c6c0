"""YAML whose every value knows its line, so that an error can say where it is.

In: a path. Out: plain values (texts, integers, lists, mappings; dates stay texts) and the line of
each. What a file of this house may hold is said where it is read.
"""

from pathlib import Path
from typing import Any

import msgspec
import yaml
from yaml.error import MarkedYAMLError

from footprint import codes
from footprint.service.errors import CommandError, Place, PlaceError, one_line

_INTEGER = "tag:yaml.org,2002:int"
_NULL = "tag:yaml.org,2002:null"
MOST_BYTES = 16 * 2**20
MOST_DEEP = 50
MOST_DIGITS = 18
MOST_CHARACTERS = 500
"""Of what is said of a file; a name in it can be as long as the file."""


class _Loader(yaml.SafeLoader):
    """Refuses what would make a small file a large one, or one without end."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise MarkedYAMLError(
                problem="aliases (*name) are not taken; write the value out",
                problem_mark=mark,
            )
        if self._depth >= MOST_DEEP:
            raise MarkedYAMLError(problem="nested too deeply", problem_mark=mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def compose(path: Path) -> yaml.Node | None:
    """The file's tree, None for an empty one. Raises CommandError with the line."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise CommandError(f"{path}: more than {MOST_BYTES // 2**20} MiB; take it in parts")
        text = path.read_text(encoding="utf-8")
        return yaml.compose(text, Loader=_Loader)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise CommandError(f"{path}: cannot be read: {reason}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise CommandError(f"{path}{line}: not YAML: {_problem(error)}") from error


def _problem(error: yaml.YAMLError) -> str:
    """What is wrong, in one line."""
    return one_line(getattr(error, "problem", None) or error)[:MOST_CHARACTERS]


def plain(node: yaml.Node | None, place: Place, lines: dict[Place, int]) -> Any:
    """A node as plain values; notes each value's line in `lines`. Raises PlaceError for a key that
    stands twice."""
    if node is None:
        return {}
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, place, lines)
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, (*place, n), lines) for n, item in enumerate(node.value)]
    if node.tag == _NULL:
        return None
    if any("\ud800" <= one <= "\udfff" for one in node.value):
        raise PlaceError("half a character (a surrogate); write the whole one", place)
    digits = node.value.isascii() and node.value.isdigit() and len(node.value) <= MOST_DIGITS
    if node.tag == _INTEGER and digits:
        return int(node.value)
    return node.value


def _mapping(node: yaml.MappingNode, place: Place, lines: dict[Place, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        lines[*place, key] = key_node.start_mark.line + 1
        if key in found:
            raise PlaceError(f"{key}: stands twice", (*place, key))
        found[key] = plain(value_node, (*place, key), lines)
    return found


def convert(value: Any, kind: Any, place: Place) -> Any:
    """`value` as `kind`, or PlaceError that names the field."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason, inner = _reason(str(error))
        named = [step for step in inner if isinstance(step, str)]
        field = f"{named[-1]}: " if named else ""
        remedy = _allowed(kind, inner) or _remedy(reason)
        raise PlaceError(f"{field}{reason}{remedy}", (*place, *inner)) from error


def _reason(message: str) -> tuple[str, Place]:
    """msgspec's message and the place in it: "... - at `$.shares[0].permille`"."""
    reason, _, where = message.partition(" - at `$")
    steps: list[str | int] = []
    for step in where.rstrip("`").replace("[", ".").split("."):
        name = step.rstrip("]")
        if name:
            steps.append(int(name) if name.isdigit() else name)
    return reason, tuple(steps)


def _allowed(kind: Any, place: Place) -> str:
    """What may stand at a place of a struct, where it is one of a few words."""
    found: Any = msgspec.inspect.type_info(kind)
    for step in place:
        if isinstance(found, msgspec.inspect.StructType):
            found = next((one.type for one in found.fields if one.encode_name == step), None)
        elif isinstance(found, msgspec.inspect.ListType):
            found = found.item_type
        else:
            return ""
    options = found.types if isinstance(found, msgspec.inspect.UnionType) else (found,)
    words = [
        str(value)
        for one in options
        if isinstance(one, msgspec.inspect.LiteralType)
        for value in one.values
    ]
    return f"; allowed: {', '.join(words)}" if words else ""


def _remedy(reason: str) -> str:
    if "matching regex" in reason and repr(codes.SHOWN_PATTERN)[1:-1] in reason:
        return "; take away what does not show, such as control characters"
    if "matching regex" in reason and codes.CODE_PATTERN in reason:
        return "; use 1 to 63 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit"
    return ""


def at(path: Path, lines: dict[Place, int], place: Place, message: str) -> CommandError:
    """The error with the line of its place, or of the nearest thing around it."""
    while place not in lines and place:
        place = place[:-1]
    said = one_line(message)[:MOST_CHARACTERS]
    return CommandError(f"{path}, line {lines.get(place, 1)}: {said}; nothing was imported")
