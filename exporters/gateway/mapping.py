"""Whose a gateway's counters are: from the names that it gives teams and keys to SIA.

In: rules of one file, in their order, and the labels of a series. Out: a SIA, `@unattributed` where
no rule names it, or nothing where a rule says to leave it out (health checks). The labels end here:
no team's, key's or user's name goes any further, whatever stands in it.
"""

import fnmatch
import re
from collections.abc import Mapping, Sequence

import msgspec

from exporters.gateway.dialects import PERSONS
from footprint import codes

LABELS = ("team_alias", "team", "api_key_alias", "model", "model_name", "requested_model", "route")
"""What rules may look at unless a server has labels of its own; never a user, an end user or an
e-mail."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Labels with the values they must have (`*`: any text); the SIA, or that it is left out."""

    labels: dict[str, str]
    sia: str | None = None
    ignore: bool = False


class MappingError(ValueError):
    """A rule that cannot be used: which, what, remedy."""


class Owners:
    """The rules of one gateway."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Raises MappingError."""
        self._rules = [
            (rule, {label: _pattern(value) for label, value in rule.labels.items()})
            for number, rule in enumerate(rules, 1)
            if _checked(number, rule)
        ]

    def whose(self, labels: Mapping[str, str]) -> str | None:
        """The SIA of the first rule that matches, `@unattributed` without one; None: left out."""
        for rule, patterns in self._rules:
            if all(pattern.match(labels.get(label, "")) for label, pattern in patterns.items()):
                return None if rule.ignore else rule.sia
        return codes.UNATTRIBUTED


def _pattern(text: str) -> re.Pattern[str]:
    literal = text.replace("[", "[[]").replace("?", "[?]")
    return re.compile(fnmatch.translate(literal))


def _checked(number: int, rule: Rule) -> bool:
    where = f"rule {number}"
    if not rule.labels:
        raise MappingError(f"{where}: names no label; give at least one of {', '.join(LABELS)}")
    persons = sorted(PERSONS & rule.labels.keys())
    if persons:
        raise MappingError(
            f"{where}: {persons[0]} stands for a person; map teams and keys by {', '.join(LABELS)}"
        )
    if (rule.sia is None) != rule.ignore:
        raise MappingError(f"{where}: give either sia or ignore = true")
    if rule.sia is not None:
        try:
            codes.check_code(rule.sia, f"{where}: sia")
        except ValueError as error:
            raise MappingError(str(error)) from error
    return True
