"""Whose the cards' energy truly was beside whose the agent says it was, card by card.

In: a run that is over. Out: lines of text: a table with a row for each consumer on each card, and
why the two differ. A reserved card is its SIA's whole, by the reservation. True energy is that of
the time in which the card could be read; what lies in declared gaps is nobody's.
"""

from collections.abc import Callable, Iterator

import msgspec

from exporters.twin.card import Card
from exporters.twin.run import Run
from exporters.twin.scenes import STRANGER, Scene, scene
from footprint import codes
from footprint.units import joules_float

SAYS: dict[Scene, str] = {
    "reserved": "reserved for one SIA",
    "shared": "two SIA in turn",
    "resident": "one works, one is only loaded",
    "mig": "three MIG instances",
    "stranger": "a SIA and an undeclared process",
    "empty": "nobody's",
    "served": "a shared server",
}

CAUSES = (
    "True energy of a card: what each process caused, by the simulator's own physics, and standing "
    "power, which is by definition whose memory it is (under MIG, by slices); a reserved card is "
    "its SIA's whole. Only time in which the card could be read is in it: where a card was away "
    "and its counter went on, what that owes to the page still open is attributed all the same. "
    "Known causes otherwise: SM "
    "time is not power (each SIA draws other watts a busy second, and a card that is little used "
    "draws more a busy second than a full one); samples are whole percents, come 0.3 s late, one "
    "in twenty never comes and for a minute none is told (@unattributed), so that a burst may be "
    "divided by memory held; until a card has a floor (from the first page after a minute in which "
    "it was empty), standing power follows SM time while anybody computes, and a model that is "
    "only loaded pays only the rest. Under MIG the same holds of the instances' activity."
)


def true_uj(card: Card, sia: list[str]) -> dict[str, int]:
    """Of the readable time of one card, what was whose."""
    found = {codes.IDLE: card.idle_readable_uj}
    for share in card.shares:
        whose = codes.UNREGISTERED if share.tenant.sia == STRANGER else sia[share.tenant.sia]
        found[whose] = found.get(whose, 0) + share.readable_uj
    return found


def attributed_uj(run: Run) -> dict[tuple[str, str], dict[str, int]]:
    """By device and consumer: energy by part."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for page in run.pages:
        for entry in page.entries:
            parts = found.setdefault((entry.device, entry.consumer), {})
            parts[entry.part] = parts.get(entry.part, 0) + entry.energy_uj
    return found


class Compared(msgspec.Struct, frozen=True):
    """One consumer on one card: energy that was truly its, and what the agent says, in uJ."""

    device: str
    scene: Scene
    consumer: str
    true_uj: int
    attributed_uj: int
    static_uj: int


def compared(run: Run) -> Iterator[Compared]:
    """Every consumer on every card."""
    attributed = attributed_uj(run)
    for gpu, card in enumerate(run.truth.cards):
        happens, uuid = scene(run.plan, gpu), run.plan.uuid(gpu)
        true = true_uj(card, run.plan.sia)
        holder = run.plan.reserved(gpu)
        if holder is not None:
            true = {run.plan.sia[holder]: sum(true.values())}
        seen = {whose for device, whose in attributed if device == uuid}
        for whose in sorted({*true, *seen}):
            parts = attributed.get((uuid, whose), {})
            total_uj, of_uj = sum(parts.values()), true.get(whose, 0)
            if total_uj or of_uj:
                yield Compared(uuid, happens, whose, of_uj, total_uj, parts.get("static", 0))


HEAD = ("card", "consumer", "what happens there", "true (J)", "attributed (J)", "of it static (J)")
MORE = ("error (J)", "error (%)")


def rows(run: Run, percent: Callable[[int, int], str]) -> Iterator[list[str]]:
    """The table's."""
    for one in compared(run):
        off_uj = one.attributed_uj - one.true_uj
        energies = (one.true_uj, one.attributed_uj, one.static_uj, off_uj)
        yield [
            one.device[-4:],
            one.consumer,
            SAYS[one.scene],
            *(f"{joules_float(energy_uj):,.1f}" for energy_uj in energies),
            percent(one.attributed_uj, one.true_uj),
        ]
