"""Samples of shared servers for `/metrics`: shares, efficiency, load, from the month's statement.

In: a `Statement`. Out: samples by metric name and label values. A ratio that rests on too little is
no sample: it is not zero.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from footprint import metrics, units
from footprint.metrics import Metric
from footprint.statement import Efficiency, Load, Ratio, Statement

ALL_SERVERS = "@all"
_JOULES_PER_WH = 3600
Samples = dict[str, Mapping[tuple[str, ...], float]]


def samples(statement: Statement) -> Samples:
    """Those of every metric of shared servers."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for metric, labels, value in _all(statement):
        found.setdefault(metric.name, {})[labels] = value
    return dict(found)


_Sample = tuple[Metric, tuple[str, ...], float]


def _all(statement: Statement) -> Iterator[_Sample]:
    for server in statement.servers:
        for one in server.consumers:
            key = (server.code, one.consumer)
            for part, energy_uj in (("active", one.active_uj), ("idle", one.idle_uj)):
                yield metrics.MONTH_SHARED_ENERGY, (*key, part), units.joules_float(energy_uj)
            yield from _efficiency(key, one.efficiency)
        for load in server.load:
            if load.active_j_per_1000 is not None:
                labels = (server.code, _bin(load))
                yield metrics.MONTH_LOAD, labels, float(load.active_j_per_1000)
    for total in statement.consumers:
        if total.efficiency is not None:
            yield from _efficiency((ALL_SERVERS, total.consumer), total.efficiency)


def _efficiency(key: tuple[str, str], found: Efficiency) -> Iterator[_Sample]:
    yield from _ratio(
        key, "generated_tokens", found.per_1000_generated_tokens, metrics.MONTH_PER_TOKENS
    )
    yield from _ratio(key, "requests", found.per_request, metrics.MONTH_PER_REQUEST)
    unit = found.unit or ""
    yield from _ratio(key, "units", found.per_unit, metrics.MONTH_PER_UNIT, unit)


def _ratio(
    key: tuple[str, str], what: str, ratio: Ratio, pair: tuple[Metric, Metric], *more: str
) -> Iterator[_Sample]:
    if ratio.sample is not None:
        yield metrics.MONTH_SAMPLE, (*key, what), ratio.sample
    if ratio.energy_wh is not None:
        yield pair[0], (*key, *more), float(Fraction(ratio.energy_wh) * _JOULES_PER_WH)
    if ratio.emissions_g is not None:
        yield pair[1], (*key, *more), float(ratio.emissions_g)


def _bin(load: Load) -> str:
    """Such as `100-300`; the last one `10000-`."""
    return f"{load.from_per_s}-{'' if load.to_per_s is None else load.to_per_s}"
