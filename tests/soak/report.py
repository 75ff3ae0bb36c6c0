"""What `make soak` found, as Markdown for people: tests/soak/RESULTS.md.

In: the seed, the machine, a finding a run. Out: the file's lines.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """What became of a run. `said`: the fleet's own report; `wrong`: why it is not as promised, or
    nothing."""

    name: str
    options: Sequence[str]
    said: str
    done: Mapping[str, int]
    most_mib: int
    database_mib: int
    fleet_seconds: float
    fsck: str
    fsck_seconds: float
    wrong: str


def lines(seed: int, facts: Mapping[str, str], findings: Sequence[Finding]) -> Iterator[str]:
    """The whole file."""
    yield "# Days of a fleet into PostgreSQL, with faults"
    yield ""
    yield (
        "Simulated agents (`footprint fleet`, faults drawn at 1 % of what each can befall) send to "
        "a real service on a real PostgreSQL, both of which are killed meanwhile. Every microjoule "
        "that was sent is held against the service's statement, per SIA, component, quality and "
        "host; then `footprint fsck` reads the database. Written by `make soak`; "
        '`make soak ARGS="--seed N"` draws another fleet and other moments.'
    )
    yield ""
    yield f"- seed: {seed}"
    for name, fact in facts.items():
        yield f"- {name}: {fact}"
    for one in findings:
        yield ""
        yield from _finding(one)


def _finding(one: Finding) -> Iterator[str]:
    yield f"## {one.name}: {'BROKEN' if one.wrong else 'equal to the microjoule'}"
    yield ""
    done = ", ".join(f"{name} {count} times" for name, count in sorted(one.done.items()))
    yield f"- `footprint fleet {' '.join(one.options)}`, {one.fleet_seconds:.0f} s in all"
    yield f"- meanwhile: {done or 'nothing'}"
    yield f"- the service took at most {one.most_mib} MiB, the database {one.database_mib} MiB"
    yield f"- `footprint fsck`: {one.fsck} ({one.fsck_seconds:.0f} s)"
    if one.wrong:
        yield f"- **BROKEN**: {one.wrong}"
    yield ""
    yield "```"
    yield from one.said.strip().splitlines()
    yield "```"
