"""What a cross-check says: one structure, as JSON for a file and as text for a person.

Out: fields in the order declared here, so that two runs differ only where their figures do. Ours
are integers of microjoules, CodeCarbon's are its own digits.
"""

import datetime
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from exporters.crosscheck.codecarbon_side import COUNTRY, MEASURE_SECONDS
from exporters.crosscheck.compare import Footprint, Row
from footprint.units import joules

FORMAT = 1


class Versions(msgspec.Struct, frozen=True):
    """What measured."""

    agent: str
    method: str
    codecarbon: str
    nvidia_ml_py: str
    python: str


class Parameters(msgspec.Struct, frozen=True):
    """What both sides were told."""

    tick_seconds: int
    page_seconds: int
    powercap_root: str
    codecarbon_tracker: str = f"OfflineEmissionsTracker, {COUNTRY}"
    codecarbon_tracking_mode: str = "machine"
    codecarbon_measure_seconds: int = MEASURE_SECONDS


class Ledger(msgspec.Struct, frozen=True):
    """The agent's own pages of this interval: their chain was verified, then they were deleted."""

    ledger_id: str
    pages: int
    last_hash: str


class Apart(msgspec.Struct, frozen=True):
    """The most by which the two can have read apart, in milliseconds."""

    start_ms: Decimal
    end_ms: Decimal


class Report(msgspec.Struct, frozen=True):
    """A cross-check of one host over one interval."""

    format: int
    host_id: str
    host: dict[str, str]
    start: datetime.datetime
    end: datetime.datetime
    seconds: Decimal
    asked_minutes: Decimal
    ended_early: bool
    versions: Versions
    parameters: Parameters
    ledger: Ledger
    apart: Apart
    rows: list[Row]
    codecarbon_warnings: list[str]
    refused_connections: int

    @property
    def agrees(self) -> bool:
        """No row in which both read the same counters differs by more than its bound."""
        return all(row.verdict != "differ" for row in self.rows)


def as_json(report: Report) -> str:
    """For a file; indented, a line a field."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def text(report: Report) -> Iterator[str]:
    """For a person."""
    ended = ", ended early" if report.ended_early else ""
    yield (
        f"crosscheck of {report.host_id}: {report.start:%Y-%m-%d %H:%M:%S} to "
        f"{report.end:%H:%M:%S} UTC, {report.seconds.normalize():f} s ({report.asked_minutes} min "
        f"asked{ended})"
    )
    yield (
        f"footprint-agent {report.versions.agent} (method {report.versions.method}) beside "
        f"CodeCarbon {report.versions.codecarbon}, offline, machine mode, every "
        f"{report.parameters.codecarbon_measure_seconds} s"
    )
    yield ""
    yield from _table([_cells(row) for row in report.rows])
    for row in report.rows:
        yield ""
        yield f"{row.component}: {_verdict(row)}"
        yield from (f"  - {cause}" for cause in row.causes)
    if report.codecarbon_warnings:
        yield ""
        yield "CodeCarbon warned:"
        yield from (f"  - {warning}" for warning in report.codecarbon_warnings)


HEAD = ("component", "footprint (J)", "by", "CodeCarbon (J)", "by", "ratio", "verdict")


def _cells(row: Row) -> tuple[str, ...]:
    ours, theirs = row.footprint, row.codecarbon
    sensors = sorted({meter.sensor for meter in ours.devices})
    return (
        row.component,
        _energy(ours),
        f"{', '.join(sensors)}, {ours.quality}" if sensors else "nothing",
        f"{theirs.energy_joules:,f}" if theirs.method else "nothing",
        theirs.method.method if theirs.method else "nothing",
        str(row.ratio) if row.ratio is not None else "-",
        row.verdict,
    )


def _energy(ours: Footprint) -> str:
    if ours.energy_uj is None:
        return "unknown"
    gap = f" + {ours.gap_seconds.normalize():f} s unknown" if ours.gap_seconds else ""
    return f"{joules(ours.energy_uj):,f}{gap}"


def _verdict(row: Row) -> str:
    if row.difference_uj is None:
        return "one figure only, nothing to compare"
    difference = f"CodeCarbon {joules(row.difference_uj):+,f} J"
    if not row.same_counters:
        return f"{difference}; not the same source, not judged. Known causes:"
    bound = "unknown" if row.bound_uj is None else f"{joules(row.bound_uj):,f} J"
    why = ""
    if row.verdict == "not judged":
        why = " (a gap)" if row.footprint.gap_seconds else " (too little energy for the bound)"
    return f"{difference}, same counters, bound {bound}: {row.verdict}{why}. Known causes:"


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    lines = [HEAD, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEAD))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()
