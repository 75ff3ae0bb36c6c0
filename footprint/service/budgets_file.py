"""Budgets in a YAML file, as `footprint budget set` takes them.

In: a path. Out: `Budget`s with the line of each. A file of this house:

    budgets:
      - {code: assistance-2026, name: Assistance 2026, project: assistance, indicator: energy,
         period: 2026, amount: 1200, thresholds: [50, 80, 100]}
"""

from pathlib import Path
from typing import Any

import msgspec

from footprint.service import yaml_lines
from footprint.service.budgets import Budget
from footprint.service.errors import CommandError, Place, PlaceError

_WORDS = {"true": True, "false": False}
_TRUTHS = ("refreeze", "ended")


class BudgetsFile(msgspec.Struct, frozen=True):
    """What a file holds, in its order."""

    path: Path
    budgets: list[Budget]
    lines: dict[Place, int]

    def at(self, number: int, message: str) -> CommandError:
        """What is wrong with a budget of the file, with its line."""
        return yaml_lines.at(self.path, self.lines, ("budgets", number), message)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    budgets: list[Budget]


def read(path: Path) -> BudgetsFile:
    """The budgets in a YAML file; CommandError with line, field and what is allowed."""
    root = yaml_lines.compose(path)
    lines: dict[Place, int] = {(): 1}
    try:
        content: Any = yaml_lines.plain(root, (), lines)
        budgets = yaml_lines.convert(_typed(content), _File, ()).budgets
        codes: set[str] = set()
        for number, one in enumerate(budgets):
            if one.code in codes:
                raise PlaceError(f"code: {one.code!r} stands twice", ("budgets", number, "code"))
            codes.add(one.code)
    except PlaceError as error:
        raise yaml_lines.at(path, lines, error.path, str(error)) from error
    return BudgetsFile(path, budgets, lines)


def _typed(content: Any) -> Any:
    """A year is a text and not a number; true and false are no texts."""
    if not isinstance(content, dict) or not isinstance(content.get("budgets"), list):
        return content
    for one in content["budgets"]:
        if not isinstance(one, dict):
            continue
        if isinstance(one.get("period"), int):
            one["period"] = str(one["period"])
        for name in _TRUTHS:
            value = one.get(name)
            one.update({name: _WORDS.get(value, value)} if isinstance(value, str) else {})
    return content
