"""Each SIA's energy of the shared servers beside the truth: how far is the split from it?

In: what the servers truly drew and because of whom, the agent's pages, usage. Out: a `Judged` for
each server, with a row for each consumer: under the default weights with their range, and under
weights fitted to the server's own energy, where its data tell them.
"""

from collections.abc import Iterable, Sequence

import msgspec

from exporters.twin.plan import START
from exporters.twin.serving.engine import Served
from exporters.twin.serving.plan import CONSUMERS, MODELS
from footprint import codes, shared, token_fit
from footprint.allocation import TokenWeights, Usage
from footprint.interval import QUARTER_HOUR_SECONDS, floor_to, paris_date, paris_day
from footprint.ledger import Page
from footprint.shared import Rules, Spending, Split

WHOSE = tuple(dict.fromkeys(consumer.sia for consumer in CONSUMERS))
"""The five SIA, and `@unattributed` for everybody who has no name."""


class Row(msgspec.Struct, frozen=True):
    """One consumer of one server: active energy in microjoules. `fitted_uj` is None where the
    weights could not be fitted."""

    consumer: str
    true_uj: int
    default_uj: int
    least_uj: int
    most_uj: int
    fitted_uj: int | None

    @property
    def inside(self) -> bool:
        """Whether the truth is in the stated range."""
        return self.least_uj <= self.true_uj <= self.most_uj


class Judged(msgspec.Struct, frozen=True):
    """One server. `lost_uj`: what the split does not hold of what came in (law 1: nothing); `idle`
    is what flows whatever is asked: on its cards from their loading on, and as the pages have it.
    """

    server: str
    rows: list[Row]
    fit: token_fit.Fit | token_fit.Refusal
    true_active_uj: int
    active_uj: int
    true_idle_uj: int
    idle_uj: int
    unallocated_uj: int
    lost_uj: int


def spending(pages: Iterable[Page], server: str) -> list[Spending]:
    """What the agent's pages have under a server's code, by quarter-hour."""
    found: dict[tuple[object, ...], Spending] = {}
    for page in pages:
        start = floor_to(page.start, QUARTER_HOUR_SECONDS)
        for entry in page.entries:
            if entry.consumer != server:
                continue
            key = start, entry.component, entry.device, entry.part, entry.quality
            before_uj = found[key].energy_uj if key in found else 0
            found[key] = Spending(*key, before_uj + entry.energy_uj)
    return list(found.values())


class Seen(msgspec.Struct, frozen=True):
    """What is known of one server without the truth: its energy in the pages, what the gateway
    named, what the server itself counted."""

    spent: Sequence[Spending]
    usage: Sequence[Usage]
    totals: Sequence[Usage]


def judge(place: int, served: Served, seen: Seen, true_idle_uj: int = 0) -> Judged:
    """One server's split beside its truth."""
    code = MODELS[place].server
    split = divided(code, seen)
    fit = token_fit.fit(token_fit.samples(split.divided))
    split = token_fit.ranged(split, fit)
    fitted = None
    if isinstance(fit, token_fit.Fit):
        fitted = divided(code, seen, fit.weights)
    true_uj = {
        whose: sum(served.caused_uj(n) for n, who in enumerate(CONSUMERS) if who.sia == whose)
        for whose in WHOSE
    }
    came_in_uj = sum(one.energy_uj for one in seen.spent)
    return Judged(
        server=code,
        rows=[_row(whose, true_uj[whose], split, fitted) for whose in WHOSE],
        fit=fit,
        true_active_uj=sum(true_uj.values()),
        active_uj=split.active_uj,
        true_idle_uj=true_idle_uj,
        idle_uj=split.idle_uj,
        unallocated_uj=split.stays_active_uj,
        lost_uj=came_in_uj - sum(cell.energy_uj for cells in split.cells for cell in cells),
    )


def divided(code: str, seen: Seen, weights: TokenWeights | None = None) -> Split:
    """The split of a run, which lasts a day of UTC at most; idle energy stays apart."""
    rules = Rules(code, idle="none")
    if weights is not None:
        rules = msgspec.structs.replace(rules, weights=weights)
    first = paris_day(paris_date(START))
    pieces = [first, paris_day(paris_date(first.end))]
    return shared.split(rules, seen.spent, seen.usage, seen.totals, pieces)


def _row(whose: str, true_uj: int, split: Split, fitted: Split | None) -> Row:
    share = split.shares.get(whose, shared.Share())
    fitted_uj = fitted.shares.get(whose, shared.Share()).active_uj if fitted else None
    return Row(whose, true_uj, share.active_uj, share.least_uj, share.most_uj, fitted_uj)


def together(judged: Sequence[Judged]) -> list[Row]:
    """Each consumer over all servers; one whose weights were not fitted counts by the default."""
    return [
        Row(
            consumer=rows[0].consumer,
            true_uj=sum(row.true_uj for row in rows),
            default_uj=sum(row.default_uj for row in rows),
            least_uj=sum(row.least_uj for row in rows),
            most_uj=sum(row.most_uj for row in rows),
            fitted_uj=sum(
                row.default_uj if row.fitted_uj is None else row.fitted_uj for row in rows
            ),
        )
        for rows in zip(*(one.rows for one in judged), strict=True)
    ]


IS_SIA = [whose for whose in WHOSE if whose != codes.UNATTRIBUTED]
