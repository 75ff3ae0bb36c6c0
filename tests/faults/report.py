"""What `make faults` found, as a table for people: tests/faults/RESULTS.md.

In: a seed and a finding a fault. Out: Markdown, a section a seed; a run renews its own.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

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


HEAD = """# Faults injected, what was promised, what was found

Written by `make faults`; each fault ends with the sums compared under `==`, in microjoules. `make
faults ARGS="--seed N"` draws other moments and renews that seed's section; `--only WORD` chooses.
"""
SECTION = "\n## Seed "


def renew(path: Path, seed: int, lines: Iterator[str]) -> None:
    """Write this seed's section; those of other seeds stay."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = {section.split("\n")[0]: section for section in text.split(SECTION)[1:]}
    sections[str(seed)] = "\n".join([str(seed), "", *lines, ""])
    ordered = sorted(sections.items(), key=lambda item: int(item[0]))
    path.write_text(HEAD + "".join(SECTION + section for _, section in ordered), encoding="utf-8")


def section(machine: str, at: datetime, findings: Sequence[Finding]) -> Iterator[str]:
    """What one run found."""
    broken = sum(finding.kept is False for finding in findings)
    missing = sum(finding.kept is None for finding in findings)
    yield (
        f"footprint {__version__}, {at:%Y-%m-%d %H:%M} UTC, {machine}: "
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
