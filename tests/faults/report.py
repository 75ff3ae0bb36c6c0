"""What `make faults` found, as a table for people: tests/faults/RESULTS.md.

In: a seed and a finding a fault. Out: Markdown.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from footprint import __version__
from tests.faults.ground import Fault


class Finding(msgspec.Struct, frozen=True):
    """What became of a fault. `kept`: whether the promise was; None: it could not be injected."""

    fault: Fault
    times: int
    seconds: float
    kept: bool | None
    found: str


def lines(seed: int, machine: str, at: datetime, findings: Sequence[Finding]) -> Iterator[str]:
    """The whole file."""
    broken = sum(finding.kept is False for finding in findings)
    missing = sum(finding.kept is None for finding in findings)
    yield "# Faults injected, what was promised, what was found"
    yield ""
    yield (
        "Written by `make faults`; each fault ends with the sums compared under `==`, in "
        'microjoules. `make faults ARGS="--seed N"` draws other moments, `--only WORD` chooses.'
    )
    yield ""
    yield (
        f"footprint {__version__}, {at:%Y-%m-%d %H:%M} UTC, seed {seed}, {machine}: "
        f"{len(findings)} faults, {broken} promises broken, {missing} not injected."
    )
    yield ""
    yield "| fault | times | what is done | promised | found | s |"
    yield "|---|---|---|---|---|---|"
    for one in findings:
        state = {True: "kept", False: "**BROKEN**", None: "not injected"}[one.kept]
        cells = (
            one.fault.name,
            str(one.times),
            one.fault.done,
            one.fault.promised,
            f"{state}: {one.found}",
            f"{one.seconds:.0f}",
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
