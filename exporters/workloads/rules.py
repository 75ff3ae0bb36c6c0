"""Whose a control group is: the one place that decides it, for CPU time and for GPU processes.

In: the `[[workloads]]` rules, in their order, and the path of a group below the root. Out: the SIA,
and which rule gave it and why. A group is its nearest declared ancestor's, itself included; of the
rules that name one group, the first wins. Groups `<workload_group>/<SIA>` are those that
`footprint-agent run` makes, and come before every rule.
"""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import msgspec

from exporters.settings import Workload
from footprint.codes import is_code


class Match(msgspec.Struct, frozen=True):
    """Why a group is a SIA's: which group is named (itself or above), by which rule, in words."""

    sia: str
    group: str
    rule: str
    why: str


class Pattern:
    """A path with `*` for any name, or part of a name, of one level."""

    def __init__(self, text: str) -> None:
        self.levels = PurePosixPath(text.strip("/")).parts
        self._names = [re.compile(fnmatch.translate(level)) for level in self.levels]

    def matches(self, path: str) -> bool:
        """Whether the path below the root is named, level by level."""
        parts = path.strip("/").split("/")
        return len(parts) == len(self._names) and all(
            name.match(part) for name, part in zip(self._names, parts, strict=True)
        )


class Rules:
    """The rules of one host."""

    def __init__(self, rules: Sequence[Workload], workload_group: str) -> None:
        self._own = workload_group
        self._rules = [(rule, Pattern(rule.cgroup)) for rule in rules]

    def sia_of(self, path: str) -> Match | None:
        """Whose a group is; None: nobody declared it, nor any group above it."""
        return next((match for group in upwards(path) if (match := self.of_group(group))), None)

    def of_group(self, path: str) -> Match | None:
        """The rule that names this very group."""
        parts = path.strip("/").split("/")
        if len(parts) == 2 and parts[0] == self._own and is_code(parts[1]):
            why = f"it is the group in which `footprint-agent run --sia {parts[1]}` puts commands"
            return Match(parts[1], path, "run", why)
        for number, (rule, pattern) in enumerate(self._rules, 1):
            if pattern.matches(path):
                why = f"its path matches cgroup = {rule.cgroup!r}"
                return Match(rule.sia, path, f"rule {number} of [[workloads]]", why)
        return None


def upwards(path: str) -> Iterator[str]:
    """A group and those above it, nearest first; never the root, which counts the whole host."""
    parts = [part for part in path.split("/") if part]
    for depth in range(len(parts), 0, -1):
        yield "/" + "/".join(parts[:depth])
