"""AI services outside the house: what their providers' hosts use, modelled, in no sum of ours.

In: counts of usage, and what a model of the provider's hosts says of one request. Out: ranges, and
how much of the whole is outside. A request of t generated tokens is taken to use f(t) = a + b t, so
that n requests use f(sum of t) + (n - 1) f(0), whichever of them had how many. METHOD.md, "AI
services outside the house".
"""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Literal, NamedTuple, Protocol

import msgspec

from footprint.codes import ConsumerKind
from footprint.counts import Counts

Measure = Literal[
    "energy_uj",
    "emissions_ug",
    "primary_energy_uj",
    "water_ul",
    "adpe_pg",
    "making_ug",
    "making_primary_energy_uj",
    "making_adpe_pg",
]
"""What a provider's hosts use and cause, its sites' part included, with its unit; `making_` is
what making the hosts caused, apart from use as ours is."""
MEASURES: tuple[Measure, ...] = Measure.__args__  # type: ignore[attr-defined]

Reason = Literal[
    "not_installed",
    "model_not_declared",
    "model_unknown",
    "zone_unknown",
    "requests_not_counted",
]
"""Why there is no estimate: the optional extra is absent; the register does not say what the model
is; the estimator does not know it, or the zone; or nobody counts requests, of which each has a
part of its own."""

TOGETHER = "tokens_together"
"""A note: generated tokens were not told apart, so that they may be none or all of the tokens."""


class Range(msgspec.Struct, frozen=True):
    """The ends of what the estimator's assumptions allow; no confidence interval."""

    low: int
    high: int


class Ends(NamedTuple):
    """A range before it is rounded."""

    low: Fraction
    high: Fraction


class Request(msgspec.Struct, frozen=True):
    """What one request causes, by measure, and what the estimator warns of (its codes)."""

    causes: Mapping[Measure, Ends]
    warnings: tuple[str, ...] = ()


class Assumption(msgspec.Struct, frozen=True):
    """Something that an estimate supposes, with its unit; a range where `high` is another."""

    name: str
    low: str
    high: str
    unit: str


class Estimator(Protocol):
    """A model of providers' hosts."""

    @property
    def name(self) -> str:
        """Its name and version."""

    @property
    def data(self) -> Mapping[str, str]:
        """SHA-256 of each file of data that it rests on."""

    @property
    def assumptions(self) -> list[Assumption]:
        """What it supposes of all providers."""

    def of_provider(self, provider: str, zone: str | None) -> list[Assumption]:
        """What it supposes of one, with the zone that holds where none is declared."""

    def request(self, provider: str, model: str, zone: str | None, tokens: int) -> Request | Reason:
        """What a request causes that generates so many tokens; or why it cannot say."""


class ExternalUse(msgspec.Struct, frozen=True):
    """What a consumer asked of one model of a service, and what that caused where it was done:
    `modelled`, None with the `reason`. `counts` are whole, whatever part of the consumer a project
    carries; `modelled` is the project's part. `name` names the consumer, `model_name` the model as
    its provider does. `declared_uj` and `declared_ug` are the supplier's own figures, beside."""

    consumer: str
    kind: ConsumerKind
    name: str | None
    registered: bool
    model: str
    model_name: str | None
    counts: Counts
    modelled: dict[str, Range] | None
    reason: Reason | None
    notes: list[str]
    declared_uj: int | None
    declared_ug: int | None

    @property
    def declares(self) -> bool:
        """Whether its supplier declares anything."""
        return self.declared_uj is not None or self.declared_ug is not None


class ExternalService(msgspec.Struct, frozen=True):
    """A service outside the house: `provider` and `zone` as the register has them, and the time in
    which counts of its use may be missing, by cause, in microseconds."""

    code: str
    name: str
    provider: str
    zone: str | None
    assumptions: list[Assumption]
    uses: list[ExternalUse]
    gaps_us: dict[str, int]


class Dependence(msgspec.Struct, frozen=True):
    """How much of the whole is done outside: `inside` is the statement's own total of the measure,
    None where it is not known, as is `outside`; `low` and `high` are permille of the sum of both.
    None: not known, `high` also where something outside has no estimate."""

    measure: Literal["energy_uj", "emissions_ug", "generated_tokens"]
    inside: int | None
    outside: Range | None
    low: Decimal | None
    high: Decimal | None


class Externals(msgspec.Struct, frozen=True):
    """All services outside the house that were used. `modelled` sums what has an estimate, and is
    empty where nothing has; `without` counts the uses that have none. `estimator` with the digests
    of its `data` and its `assumptions`; None where it is not installed."""

    services: list[ExternalService]
    modelled: dict[str, Range]
    without: int
    dependence: list[Dependence]
    estimator: str | None
    data: dict[str, str]
    assumptions: list[Assumption]


class Asked(msgspec.Struct, frozen=True):
    """What is estimated together: counts of one model, of which so many permille count."""

    provider: str
    model: str
    zone: str | None
    counts: Counts
    permille: int = 1000


def estimate(estimator: Estimator, asked: Asked) -> Request | Reason:
    """What the requests of `asked` cause together, exact; or why it cannot be said."""
    counts = asked.counts
    least, most = counts.generated_tokens, counts.generated_tokens
    if least is None or most is None:
        least, most = 0, counts.tokens
    empty = estimator.request(asked.provider, asked.model, asked.zone, 0)
    low = estimator.request(asked.provider, asked.model, asked.zone, least)
    high = estimator.request(asked.provider, asked.model, asked.zone, most)
    if isinstance(empty, str) or isinstance(low, str) or isinstance(high, str):
        return next(one for one in (empty, low, high) if isinstance(one, str))
    further = _further(counts)
    if further is None:
        if any(ends.high for ends in empty.causes.values()):
            return "requests_not_counted"
        further = 0
    part = Fraction(asked.permille, 1000)
    notes = () if counts.generated_tokens is not None else (TOGETHER,)
    return Request(
        {
            measure: Ends(
                part * (low.causes[measure].low + further * empty.causes[measure].low),
                part * (high.causes[measure].high + further * empty.causes[measure].high),
            )
            for measure in MEASURES
        },
        (*low.warnings, *notes),
    )


def _further(counts: Counts) -> int | None:
    """How many requests there are beside the one that all tokens are given to; -1 where there is
    none at all, None where nobody counts them. What was generated was asked for at least once."""
    if counts.requests is None:
        return None if counts.tokens else -1
    return max(counts.requests, 1 if counts.tokens else 0) - 1


def rounded(causes: Mapping[Measure, Ends]) -> dict[str, Range]:
    """The ranges in whole units."""
    return {name: Range(round(ends.low), round(ends.high)) for name, ends in causes.items()}


def total(found: Iterable[Mapping[str, Range]]) -> dict[str, Range]:
    """Their sum, nothing of nothing: the ends of one model go together."""
    every = [*found]
    if not every:
        return {}
    sums = dict.fromkeys(MEASURES, Range(0, 0))
    for one in every:
        for name in MEASURES:
            before = sums[name]
            sums[name] = Range(before.low + one[name].low, before.high + one[name].high)
    return {str(name): range_ for name, range_ in sums.items()}


def dependence(
    measure: Literal["energy_uj", "emissions_ug", "generated_tokens"],
    inside: int | None,
    outside: Range | None,
    *,
    complete: bool,
) -> Dependence:
    """How much of inside and outside together is outside; `complete`: nothing outside is
    unknown."""
    if inside is None or outside is None:
        return Dependence(measure, inside, outside, None, None)
    low, high = (_permille(one, inside) for one in (outside.low, outside.high))
    return Dependence(measure, inside, outside, low, high if complete else None)


def _permille(outside: int, inside: int) -> Decimal | None:
    whole = outside + inside
    if not whole:
        return None
    return (Decimal(1000 * outside) / whole).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
