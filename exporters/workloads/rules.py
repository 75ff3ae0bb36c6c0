"""Whose a control group is: the one place that decides it, for CPU time and for GPU processes.

In: the `[[workloads]]` rules, in their order, the path of a group below the root, and what is known
of the container, pod or job in it. Out: the SIA, and which rule gave it and why. A group is its
nearest declared ancestor's, itself included; of the rules that name one group, the first wins.
Groups `<workload_group>/<SIA>` are those that `footprint-agent run` makes, and come before every
rule; the label `footprint.sia` of a container or pod, and a job's declaration, come after them.
"""

import fnmatch
import logging
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath

import msgspec

from exporters.settings import Workload
from exporters.workloads.labels import LABEL, Known, Labels
from exporters.workloads.units import Kind, Unit, above, may_hold_units, unit_at
from footprint.codes import Phase, is_code, is_phased, phase_of, phased, sia_of

RUN = "`footprint-agent run`"

DEPTH = 8
"""Containers, pods and jobs are not deeper: kubelet.slice/kubelet-kubepods.slice/... is four."""

LABELLED: tuple[Kind, ...] = ("container", "pod")
JOBS: tuple[Kind, ...] = ("job",)

log = logging.getLogger("footprint.agent")


class Match(msgspec.Struct, frozen=True):
    """Why a group is a SIA's (`sia`, with the phase where one is declared): which group is named
    (itself or above), by which rule, in words."""

    sia: str
    group: str
    rule: str
    why: str


class Step(msgspec.Struct, frozen=True):
    """A rule that was looked at for one group: the SIA it gives, or None, and why."""

    rule: str
    sia: str | None
    why: str


class Pattern:
    """A path with `*` for any name, or part of a name, of one level; all else is the name's own."""

    def __init__(self, text: str) -> None:
        self._names = [_by_name(level) for level in PurePosixPath(text.strip("/")).parts]

    @property
    def depth(self) -> int:
        """How many levels it names."""
        return len(self._names)

    def matches(self, path: str) -> bool:
        """Whether the path below the root is named, level by level."""
        return _match(self._names, path)

    def holds(self, path: str) -> bool:
        """Whether what is named may be directly below."""
        return _match(self._names[:-1], path)

    def leads_on(self, path: str) -> bool:
        """Whether what is named may be further below."""
        level = path.count("/")
        return level < self.depth and _match(self._names[:level], path)


class Rules:
    """The rules of one host."""

    def __init__(
        self, rules: Sequence[Workload], workload_group: str, labels: Labels | None = None
    ) -> None:
        self.workload_group = workload_group
        self.labels = labels or Labels()
        self._rules = [(rule, Pattern(rule.cgroup or "")) for rule in rules]
        self._said: set[Unit] = set()
        self.depth = max([DEPTH, *(pattern.depth for _, pattern in self._rules)])
        """How many levels below the root the groups are that a rule may name."""

    def sia_of(self, path: str) -> Match | None:
        """Whose a group is; None: nobody declared it, nor any group above it."""
        return next((match for group in upwards(path) if (match := self.of_group(group))), None)

    def of_group(self, path: str) -> Match | None:
        """The rule that names this very group."""
        for step in self.steps(path):
            if step.sia is not None:
                return Match(step.sia, path, step.rule, step.why)
        return None

    def may_hold(self, path: str) -> bool:
        """Whether groups that a rule names may come directly below this one, seen or not."""
        return (
            path == f"/{self.workload_group}"
            or may_hold_units(path)
            or any(pattern.holds(path) for rule, pattern in self._rules if rule.cgroup)
        )

    def leads_on(self, path: str) -> bool:
        """Whether groups that a rule names may come below this one, at whatever level: containers
        and slices of them are made below groups at the top."""
        return path.count("/") == 1 or any(
            pattern.leads_on(path) for rule, pattern in self._rules if rule.cgroup
        )

    def steps(self, path: str) -> Iterator[Step]:
        """Every rule for this very group, in their order; the first that gives a SIA wins."""
        yield self._run(path)
        unit = unit_at(path)
        for number, (rule, pattern) in enumerate(self._rules, 1):
            if rule.label is not None:
                yield self._by_label(f"rule {number} (label {rule.label})", rule, unit)
            elif rule.account is not None:
                yield self._by_account(f"rule {number} (account {rule.account})", rule, unit)
            else:
                found = pattern.matches(path)
                why = "its path matches" if found else "its path does not match"
                name = f"rule {number} (cgroup {rule.cgroup})"
                yield Step(name, rule.consumer if found else None, why)
        yield self._by_default(unit)

    def _run(self, path: str) -> Step:
        parts = path.strip("/").split("/")
        if len(parts) == 2 and parts[0] == self.workload_group and is_phased(parts[1]):
            phase = phase_of(parts[1])
            option = f" --phase {phase}" if phase else ""
            why = f"it puts there what is started with --sia {sia_of(parts[1])}{option}"
            return Step(RUN, parts[1], why)
        return Step(RUN, None, f"what it starts is in /{self.workload_group}/<SIA>")

    def _by_label(self, name: str, rule: Workload, unit: Unit | None) -> Step:
        label, equals, value = (rule.label or "").partition("=")
        known, why = self._known(unit, LABELLED)
        if known is None or unit is None:
            return Step(name, None, why)
        if label not in known.labels:
            return Step(name, None, f"{unit} does not have it ({known.where})")
        if not equals:
            return self._coded(name, label, unit, known, rule.phase)
        if known.labels[label] != value:
            return Step(name, None, f"{unit} has another value of it ({known.where})")
        return Step(name, rule.consumer, f"{unit} has it ({known.where})")

    def _by_account(self, name: str, rule: Workload, unit: Unit | None) -> Step:
        known, why = self._known(unit, JOBS)
        if known is None or unit is None:
            return Step(name, None, why)
        if known.account != rule.account:
            return Step(name, None, f"{unit} is of another account, or of none ({known.where})")
        return Step(name, rule.consumer, f"{unit} is of it ({known.where})")

    def _by_default(self, unit: Unit | None) -> Step:
        name = f"label {LABEL}"
        known, why = self._known(unit, (*LABELLED, *JOBS))
        if known is None or unit is None:
            return Step(name, None, why)
        if LABEL not in known.labels:
            return Step(name, None, f"{unit} does not have it ({known.where})")
        return self._coded(name, LABEL, unit, known)

    def _coded(
        self, name: str, label: str, unit: Unit, known: Known, phase: Phase | None = None
    ) -> Step:
        """A label whose value is the SIA. The value is not repeated: it may be anything."""
        if is_code(known.labels[label]):
            sia = phased(known.labels[label], phase)
            return Step(name, sia, f"{unit} has it ({known.where})")
        why = f"{unit}: the value of its label {label} is no code (a-z, 0-9, '.', '_', '-')"
        if unit not in self._said:
            self._said.add(unit)
            log.warning("%s: its CPU time stays @system's", why)
        return Step(name, None, why)

    def _known(self, unit: Unit | None, kinds: Collection[Kind]) -> tuple[Known | None, str]:
        if unit is None:
            return None, "no container, pod or Slurm job begins there"
        if unit.kind not in kinds:
            return None, f"{unit} has none"
        asked = self.labels.of(unit)
        return asked.known, f"nothing is known of {unit}: {'; '.join(asked.why)}"


def _by_name(level: str) -> re.Pattern[str]:
    """fnmatch, whose `*` stays quick on every name, without its `?` and `[...]`."""
    return re.compile(fnmatch.translate(re.sub(r"[\[?]", r"[\g<0>]", level)))


def _match(names: list[re.Pattern[str]], path: str) -> bool:
    parts = path.strip("/").split("/")
    return len(parts) == len(names) and all(
        name.match(part) for name, part in zip(names, parts, strict=True)
    )


def upwards(path: str) -> Iterator[str]:
    """A group and those above it, nearest first; never the root, which counts the whole host."""
    if path != "/":
        yield path
        yield from above(path)
