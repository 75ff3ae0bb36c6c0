"""Holds the pages against what was true: does every device balance, to the microjoule?

In: a `Run`. Out: a `Balance` per device. What a counter showed at two neighbouring ticks must have
been measured whole. Where it could not be read in between, the pages say how much of that time is a
gap; of the counter's move that part is in the gap by elapsed time, and the rest is measured. A
counter that began anew, or never came back, leaves the whole stretch a gap. Of a card without a
counter the power that it showed, integrated, stands for the counter; how far that may be from the
truth has a bound. Written from METHOD.md,
without the agent's code: proportions are computed here once more. (Of a device divided among
several SIA each share is rounded by itself, so a declared part may then differ by a microjoule or
two; in every plan the card that comes back after a long outage is a reserved one.)
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from exporters.sensors.nvml import SAMPLES_PER_SECOND
from exporters.twin.faces import GPU_LIMIT_W
from exporters.twin.run import JITTER_US, UNREADABLE, Log, Run
from footprint.interval import to_us
from footprint.ledger import Page

US_PER_S = 1_000_000
LATE_US = 600_000
"""How old what a power sensor's sum shows may be at a tick: the sample, and the window in it."""
UNEVEN = math.sqrt(1 + 1 / 24)
"""METHOD.md, "A sensor that looks away": samples at random pauses weigh unequally."""


class Span(msgspec.Struct, frozen=True):
    """[start_us, end_us) of UTC."""

    start_us: int
    end_us: int

    def overlap_us(self, other: "Span") -> int:
        """Microseconds in both."""
        return max(0, min(self.end_us, other.end_us) - max(self.start_us, other.start_us))


class Stretch(msgspec.Struct, frozen=True):
    """Two ticks at which a counter could be read, and how far it moved on the true scale.

    `apart`: ticks between them at which it could not. `lost`: the move cannot be known, because the
    counter began anew or was not read again.
    """

    span: Span
    moved_uj: int
    apart: int
    lost: bool


class Balance(msgspec.Struct, frozen=True):
    """One device's account of a run. Energies in microjoules, times in microseconds.

    `moved_uj` is what the counter could show between its first and its last reading, and after it
    what it counted unseen; `true_uj` what the device drew. Their difference `lag_uj` is the
    counter's resolution and delay at both ends.
    """

    device: str
    true_uj: int
    moved_uj: int
    measured_uj: int
    in_gaps_uj: int
    interpolated_uj: int
    unreadable_us: int
    gap_us: int
    causes: dict[str, int]
    stray_gap_us: int
    entries_differ_uj: int
    off_uj: int = 0
    """Of a device without a counter: what its power adds up to less what it drew meanwhile."""
    bound_uj: int | None = None
    """The most that this may be; None where there is a counter."""

    @property
    def difference_uj(self) -> int:
        """What is missing or too much: zero, or the device does not balance."""
        return self.measured_uj + self.in_gaps_uj - self.moved_uj

    @property
    def lag_uj(self) -> int:
        """Drawn and not yet shown at the end, less the same at the beginning."""
        return self.true_uj - self.moved_uj

    @property
    def balances(self) -> bool:
        """Energy, entries and gaps all agree, and power is as near to the truth as it must be."""
        wrong = self.difference_uj or self.stray_gap_us or self.entries_differ_uj
        return not wrong and (self.bound_uj is None or abs(self.off_uj) <= self.bound_uj)


def balances(run: Run) -> list[Balance]:
    """Every device's, in the order of the run's logs."""
    return [_balance(run, index) for index in range(len(run.logs))]


def _balance(run: Run, index: int) -> Balance:
    log = run.logs[index]
    evidence, gaps = False, list[tuple[Span, str]]()
    measured_uj = interpolated_uj = entries_uj = 0
    for page in run.pages:
        for state in page.sensors:
            if state.device == log.device:
                evidence = state.evidence
                measured_uj += state.metered_uj
                interpolated_uj += state.interpolated_uj
        entries_uj += sum(e.energy_uj for e in page.entries if e.device == log.device)
        gaps += [
            (Span(to_us(gap.start), to_us(gap.end)), gap.cause)
            for gap in page.gaps
            if gap.device == log.device and gap.kind == "gap"
        ]
    causes: dict[str, int] = {}
    for span, cause in gaps:
        causes[cause] = causes.get(cause, 0) + span.end_us - span.start_us
    stretches = list(_stretches(run, log, index))
    off_uj, bound_uj = _off(run, log)
    apart = [stretch for stretch in stretches if stretch.apart]
    inside_us = sum(span.overlap_us(item.span) for span, _ in gaps for item in apart)
    return Balance(
        device=log.device,
        true_uj=run.true_last_uj[index] - run.true_first_uj[index],
        moved_uj=sum(stretch.moved_uj for stretch in stretches),
        measured_uj=measured_uj,
        in_gaps_uj=sum(_in_gaps(run.pages, gaps, item) for item in apart),
        interpolated_uj=interpolated_uj,
        unreadable_us=sum(item.span.end_us - item.span.start_us for item in apart),
        gap_us=sum(causes.values()),
        causes=causes,
        stray_gap_us=sum(causes.values()) - inside_us,
        entries_differ_uj=0 if evidence else measured_uj - entries_uj,
        off_uj=off_uj,
        bound_uj=bound_uj,
    )


def _off(run: Run, log: Log) -> tuple[int, int | None]:
    """How far integrated power is from the truth where it was read, and how far it may be."""
    if log.true_uj is None:
        return 0, None
    good = [tick for tick, total_uj in enumerate(log.total_uj) if total_uj != UNREADABLE]
    off_uj = read_us = begun = 0
    for before, after in pairwise(good):
        if log.life[after] != log.life[before]:
            begun += 1
            continue
        moved_uj = log.total_uj[after] - log.total_uj[before]
        off_uj += moved_uj - (log.true_uj[after] - log.true_uj[before])
        read_us += run.at_us[after] - run.at_us[before]
    return off_uj, power_bound_uj(log.swing_w, read_us, begun + 1)


def power_bound_uj(swing_w: int, read_us: int, stretches: int) -> int:
    """Four standard errors of METHOD.md, "A sensor that looks away"; at both ends of a stretch the
    sensor shows what was drawn up to LATE_US before, and a tick comes up to JITTER_US late."""
    samples = read_us * SAMPLES_PER_SECOND / US_PER_S
    mean_off_w = 4 * UNEVEN * swing_w / (2 * math.sqrt(max(samples, 1)))
    ends_uj = 2 * stretches * (swing_w * LATE_US + GPU_LIMIT_W * JITTER_US)
    return round(mean_off_w * read_us + ends_uj)


def _stretches(run: Run, log: Log, index: int) -> Iterator[Stretch]:
    good = [tick for tick, total_uj in enumerate(log.total_uj) if total_uj != UNREADABLE]
    for before, after in pairwise(good):
        span = Span(run.at_us[before], run.at_us[after])
        moved_uj = log.total_uj[after] - log.total_uj[before]
        lost = log.life[after] != log.life[before]
        # A counter that begins anew between two neighbouring ticks is as unreadable as one lost.
        yield Stretch(span, moved_uj, max(after - before - 1, int(lost)), lost)
    last, end = good[-1], len(run.at_us) - 1
    if last < end:
        span = Span(run.at_us[last], run.at_us[end])
        moved_uj = run.true_last_uj[index] - log.total_uj[last]
        yield Stretch(span, moved_uj, end - last, lost=True)


def _in_gaps(pages: list[Page], gaps: list[tuple[Span, str]], stretch: Stretch) -> int:
    """How much of a stretch's move lies in time that the pages declare a gap."""
    gap_us = sum(span.overlap_us(stretch.span) for span, _ in gaps)
    length_us = stretch.span.end_us - stretch.span.start_us
    if stretch.lost:
        # Unknown: all of it must be declared. Where it is not, the energy is missing in the sum.
        return stretch.moved_uj if gap_us == length_us else 0
    if not gap_us:
        return 0
    pieces_us = []
    for page in pages:
        span = Span(to_us(page.start), to_us(page.end))
        if span.overlap_us(stretch.span):
            declared_us = sum(
                span.overlap_us(Span(max(gap.start_us, stretch.span.start_us), gap.end_us))
                for gap, _ in gaps
            )
            pieces_us.append(span.overlap_us(stretch.span) - declared_us)
    return proportion([*(us for us in pieces_us if us), gap_us], stretch.moved_uj)[-1]


def proportion(parts: list[int], total: int) -> list[int]:
    """`total` over `parts` in proportion, rounded so that it adds up: the largest remainders are
    rounded up, equal ones in order."""
    whole = sum(parts)
    shares = [total * part // whole for part in parts]
    order = sorted(range(len(parts)), key=lambda place: (-(total * parts[place] % whole), place))
    for place in order[: total - sum(shares)]:
        shares[place] += 1
    return shares
