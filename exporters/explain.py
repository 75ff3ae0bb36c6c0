"""`footprint-agent explain PID|CGROUP`: whose CPU time it would be, by which rule, and why.

In: the settings of the agent, `/proc/<pid>/cgroup` and `stat`, the tree of groups, and the sources
of labels that the rules ask. Out: sentences, and whether it is a SIA's. It decides by the very
code that the agent decides by, changes nothing, and does not need a running agent.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from exporters.errors import ExplainError
from exporters.settings import Settings
from exporters.workloads import compose
from exporters.workloads.labels import LABEL
from exporters.workloads.mounts import PROC, cgroup_of
from exporters.workloads.processes import Processes, read_stat
from exporters.workloads.rules import Match, Rules, upwards
from exporters.workloads.tree import Tree, find_tree, is_tree
from exporters.workloads.units import unit_at
from footprint import codes

NOBODYS = 3
"""Exit code where it was explained, and is no SIA's."""

PATIENCE_SECONDS = 6.0
"""Who asks by hand can wait for an engine that the agent's tick would not wait for."""

MOST_DIGITS = 9
"""Linux numbers processes up to 2^22. Source: proc(5), pid_max."""

MOST_SHOWN = 80
"""Characters of what was asked about that an error repeats."""

KTHREADD = 2
"""The process that all kernel threads are children of."""


class Answer(msgspec.Struct, frozen=True):
    """What is printed, and the exit code: 0 it is a SIA's, 3 it is nobody's."""

    lines: list[str]
    code: int


class Place(msgspec.Struct, frozen=True):
    """What was asked about: a group's path (None: in no group that can be seen), and how to call
    it."""

    path: str | None
    subject: str
    pid: int | None = None


def explain(settings: Settings, what: str, proc: Path = PROC) -> Answer:
    """Explain a process (digits) or a control group. Raises ExplainError: what, where, remedy."""
    tree = _tree(settings)
    place = _process(what, tree, proc) if _is_number(what) else _group(what, tree)
    rules = compose.rules(settings, PATIENCE_SECONDS)
    try:
        return _answer(place, rules, settings, proc)
    finally:
        rules.labels.close()


def _is_number(what: str) -> bool:
    return what.isascii() and what.isdigit()


def _brief(what: str) -> str:
    return what if len(what) <= MOST_SHOWN else f"{what[:MOST_SHOWN]}..."


def _tree(settings: Settings) -> Tree | None:
    root = Path(settings.cgroup_root) if settings.cgroup_root else find_tree()
    if root is not None and not is_tree(root):
        raise ExplainError(f"explain: {root} is no tree of control groups; leave cgroup_root out")
    return Tree(root) if root else None


def _process(what: str, tree: Tree | None, proc: Path) -> Place:
    if len(what) > MOST_DIGITS or not (proc / str(int(what))).is_dir():
        raise ExplainError(
            f"explain: no process {_brief(what)} can be seen here; it has ended, is in another pid "
            "namespace, or /proc is mounted with hidepid (then run as root)"
        )
    pid = int(what)
    return Place(cgroup_of(pid, proc, tree.controller if tree else None), f"Process {pid}", pid)


def _group(what: str, tree: Tree | None) -> Place:
    if tree is None:
        raise ExplainError(
            "explain: no tree of control groups is mounted here; give the number of a process"
        )
    below = what.removeprefix(str(tree.root)) if what.startswith("/") else f"/{what}"
    path = os.path.normpath("/" + below.lstrip("/"))
    why = "it leads above the root" if ".." in what.split("/") else _unseen(tree.folder(path))
    if why is not None:
        raise ExplainError(
            f"explain: {_brief(what)} is no control group below {tree.root} ({why}), nor a process "
            "number; write a path such as /system.slice/chat.service"
        )
    return Place(path, "The root group" if path == "/" else f"The control group {path}")


def _unseen(folder: Path) -> str | None:
    """Why this is no folder that can be seen; None: it is one."""
    try:
        return None if stat.S_ISDIR(folder.stat().st_mode) else "it is a file"
    except OSError as error:
        return (error.strerror or str(error)).lower()


def _answer(place: Place, rules: Rules, settings: Settings, proc: Path) -> Answer:
    path = place.path or "/"
    match = rules.sia_of(path)
    if place.pid is not None and place.pid == agent_pid(settings, proc):
        said = [
            f"{place.subject} is the agent itself: its CPU time is @agent's, whatever its group."
        ]
        return Answer(said, NOBODYS)
    if match is not None:
        return Answer([*_headline(place, match), *_looked(place, rules, match)], 0)
    declared = _declared(place, settings, proc)
    if declared is not None:
        said = [
            f"{place.subject} belongs to SIA {declared}.",
            "Why: it, or a process that it descends from, was started by `footprint-agent run` "
            "where no control group could be made; it is followed by its process number instead.",
        ]
        return Answer([*said, *_looked(place, rules, None)], 0)
    return Answer([*_nobodys(place, rules, proc), *_looked(place, rules, None)], NOBODYS)


def _declared(place: Place, settings: Settings, proc: Path) -> str | None:
    if place.pid is None:
        return None
    processes = Processes(settings.run_path, proc)
    processes.look()
    return processes.sia_of(place.pid)


def _words(consumer: str) -> str:
    phase = codes.phase_of(consumer)
    return codes.sia_of(consumer) + (f" ({phase})" if phase else "")


def _headline(place: Place, match: Match) -> Iterator[str]:
    where = f" is in the control group {place.path}, and" if place.pid is not None else ""
    whose = _words(match.sia)
    yield f"{place.subject}{where} belongs to SIA {whose}: its CPU time is counted there."
    which = "that group" if match.group == place.path else f"the group {match.group} above it"
    yield f"Why: {match.rule} applies to {which}: {match.why}."


def _nobodys(place: Place, rules: Rules, proc: Path) -> Iterator[str]:
    if place.path is None:
        where = " is in no control group that can be seen from here"
    elif place.path == "/":
        where = "" if place.pid is None else " is in the root group"
    else:
        where = f" is in the control group {place.path}" if place.pid is not None else ""
    joint = ", and" if where else ""
    yield f"{place.subject}{where}{joint} belongs to no SIA: its CPU time is @system's."
    found = read_stat(proc, place.pid) if place.pid is not None else None
    if place.pid == KTHREADD or (found is not None and found.parent == KTHREADD):
        yield "Why: it is a thread of the kernel; what the kernel does for all is nobody's."
    elif place.pid == 1:
        yield "Why: it is the first process, which starts and minds all others."
    elif place.path is None:
        yield "Why: its group is outside of what is mounted here (another cgroup namespace)."
    elif place.path == "/":
        yield "Why: no rule can name the root group, because it counts the whole host."
        yield from _remedy(place)
    else:
        yield f"Why: no rule applies to {_its(place)}, nor to one above it (below, group by group)."
        unit = next((group for group in upwards(place.path) if unit_at(group)), None)
        if unit is not None:
            *_, label = rules.steps(unit)
            yield f"As for the label {LABEL}: {label.why}."
        yield from _remedy(place)


def _its(place: Place) -> str:
    return "its group" if place.pid is not None else "it"


def _remedy(place: Place) -> Iterator[str]:
    if place.path == "/" and place.pid is None:
        yield "Name a group below it, or a process."
        return
    path = place.path or "/"
    unit = next((unit for group in upwards(path) if (unit := unit_at(group))), None)
    ways = {
        "container": f"start it with the label {LABEL}=CODE (Podman: --annotation)",
        "pod": f"give it the label {LABEL}=CODE",
        "job": "submit it under an account that a rule names, or declare it (README)",
    }
    if path == "/":
        command = "`footprint-agent run --sia CODE -- COMMAND`"
        yield f"To declare it, start it by {command}, or as a service of systemd."
    elif unit is not None:
        yield f"To declare it, {ways[unit.kind]}."
    else:
        yield "To declare it, write at the end of agent.toml, with its SIA's code for CODE:"
        yield from _rule(path)
    if place.pid:
        yield "Where it computes on a GPU, that energy is @unregistered's."


def _rule(path: str) -> tuple[str, str, str]:
    """A rule for a group, as lines of TOML. What no rule can say literally, a star and bytes that
    are no UTF-8, a star stands for; two would be refused."""
    named = re.sub(r"[*\ud800-\udfff]+", "*", path)
    return "[[workloads]]", f'cgroup = "{"".join(map(_in_toml, named))}"', 'sia = "CODE"'


def _in_toml(character: str) -> str:
    """As it stands in a basic string. Source: TOML 1.0, String."""
    if character in '"\\':
        return f"\\{character}"
    number = ord(character)
    escaped = f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
    return character if character.isprintable() else escaped


def _looked(place: Place, rules: Rules, match: Match | None) -> Iterator[str]:
    """Group by group, nearest first: what each rule said."""
    groups = list(upwards(place.path or "/"))
    if groups:
        yield ""
        yield "Groups looked at, nearest first:"
    for number, group in enumerate(groups):
        unit = unit_at(group)
        yield f"  {group}" + (f" ({unit})" if unit else "")
        yield from _verdicts(rules, group)
        if match is not None and group == match.group:
            further = groups[number + 1 :]
            if further:
                yield f"  not looked at, because the nearest decides: {', '.join(further)}"
            return


def _verdicts(rules: Rules, group: str) -> Iterator[str]:
    """Rules that do not apply for the same reason stand together; after one that does, no other
    is looked at."""
    refused: dict[str, list[str]] = {}
    for step in rules.steps(group):
        if step.sia is None:
            refused.setdefault(step.why, []).append(step.rule)
            continue
        yield from _refused(refused)
        yield f"    yes: {step.rule}: {step.why}"
        return
    yield from _refused(refused)


def _refused(refused: dict[str, list[str]]) -> Iterator[str]:
    for why, names in refused.items():
        yield f"    no: {', '.join(names)}: {why}"


def agent_pid(settings: Settings, proc: Path = PROC) -> int | None:
    """The running agent: who holds the host-wide lock. Source: proc(5), locks."""
    try:
        facts = (settings.run_path / "agent.lock").stat()
        lines = (proc / "locks").read_text().splitlines()
    except OSError:
        return None
    place = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"
    holders = [line.split() for line in lines if place in line.split()]
    return next((int(fields[4]) for fields in holders if fields[4].isdigit()), None)
