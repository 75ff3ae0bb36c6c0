"""Samples of budgets for `/metrics`: from the last look at them, so that a scrape sums up nothing.

In: `Looked`, what waits to be sent. Out: samples by metric name and label values. What is unknown
is no sample: it is not zero.
"""

from collections.abc import Iterator, Mapping
from typing import get_args

from footprint import metrics_budget as catalogue
from footprint.budget import THOUSAND, State
from footprint.burn import BurnUp
from footprint.metric import Metric
from footprint.service.store_alerts import Waiting
from footprint.service.watching import Looked

_Sample = tuple[Metric, tuple[str, ...], float]
Samples = dict[str, Mapping[tuple[str, ...], float]]


def samples(looked: Looked | None, waiting: Waiting) -> Samples:
    """Those of every metric of budgets; before the first look there are only messages."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for metric, labels, value in _all(looked, waiting):
        found.setdefault(metric.name, {})[labels] = value
    return dict(found)


def _all(looked: Looked | None, waiting: Waiting) -> Iterator[_Sample]:
    for state in Waiting.__struct_fields__:
        yield catalogue.MESSAGES, (state,), getattr(waiting, state)
    if looked is None:
        return
    yield catalogue.LOOKED, (), looked.at.timestamp()
    yield catalogue.UNREADABLE, (), len(looked.unreadable)
    for code, burn in looked.burns.items():
        yield from _of(code, burn)


def _of(code: str, burn: BurnUp) -> Iterator[_Sample]:
    whose = (burn.project or "", burn.sia_code or "")
    yield catalogue.INFO, (code, *whose, burn.indicator, burn.period), 1
    amounts: list[tuple[Metric, tuple[str, ...], int | None]] = [
        (catalogue.USED, (code,), burn.used),
        (catalogue.PLANNED, (code,), burn.planned if burn.days else None),
    ]
    if burn.forecast is not None:
        ends = {
            "low": burn.forecast.low,
            "expected": burn.forecast.value,
            "high": burn.forecast.high,
        }
        amounts += [(catalogue.FORECAST, (code, end), value) for end, value in ends.items()]
    for metric, labels, amount in amounts:
        if amount is not None:
            yield metric, labels, amount / burn.amount_base
    yield catalogue.COVERAGE, (code,), burn.coverage / THOUSAND
    if burn.recent_coverage is not None:
        yield catalogue.RECENT_COVERAGE, (code,), burn.recent_coverage / THOUSAND
    for state in get_args(State):
        yield catalogue.STATE, (code, state), float(burn.state == state)
    if burn.used is not None:
        for one in burn.thresholds:
            yield catalogue.THRESHOLD, (code, str(one.percent)), float(one.passed)
