"""PromQL written from the catalogue: a metric or label that does not exist cannot be asked for.

In: metrics of `footprint.metrics`. Out: expressions with the dashboard's variables in them: `$job`
and `$instance` choose agents, `$service` one service.
"""

import re
from collections.abc import Iterable

from footprint.metrics import AGENT_METRICS, Metric

AGENTS = 'job=~"$job", instance=~"$instance"'
SERVICE = 'instance=~"$service"'
OVER_RANGE = "$__range"
OVER_STEP = "$__rate_interval"

SIA = 'consumer!~"@.+"'
NOT_SIA = 'consumer=~"@.+"'
METERED = 'quality!="modelled"'
MODELLED = 'quality="modelled"'


def select(metric: Metric, *matchers: str) -> str:
    """The series of `metric` that the dashboard's variables choose, narrowed by `matchers`."""
    _check(metric, (re.split("[=!]", matcher)[0] for matcher in matchers))
    source = AGENTS if metric in AGENT_METRICS else SERVICE
    return f"{metric.name}{{{', '.join((source, *matchers))}}}"


def select_any(metric: Metric) -> str:
    """The series of a metric that agents and the service show alike."""
    return f'{metric.name}{{instance=~"$instance|$service"}}'


def sum_by(metric: Metric, labels: Iterable[str], expression: str) -> str:
    """The sum of an expression over `metric` by some of its labels."""
    labels = tuple(labels)
    _check(metric, labels)
    return f"sum by ({', '.join(labels)}) ({expression})"


def rate_by(metric: Metric, labels: Iterable[str], *matchers: str) -> str:
    """A counter's increase per second, by labels: joules become watts."""
    return sum_by(metric, labels, f"rate({select(metric, *matchers)}[{OVER_STEP}])")


def increase_by(metric: Metric, labels: Iterable[str], *matchers: str) -> str:
    """A counter's increase over the time chosen, by labels."""
    return sum_by(metric, labels, f"increase({select(metric, *matchers)}[{OVER_RANGE}])")


def gained_by(metric: Metric, labels: Iterable[str]) -> str:
    """The same for a counter whose series is only made when there is something to count.

    `increase` does not see what such a series holds at its first appearance: it is added here.
    """
    series = select(metric)
    zero = f"0 * last_over_time({series}[{OVER_RANGE}])"
    first = f"min_over_time({series}[{OVER_RANGE}]) unless {series} offset {OVER_RANGE}"
    grown = f"increase({series}[{OVER_RANGE}])"
    return sum_by(metric, labels, f"({grown} or {zero}) + (({first}) or {zero})")


def age_seconds(metric: Metric, label: str) -> str:
    """Seconds since the instant that `metric` tells, by label; of what fell silent too."""
    return f"time() - max by ({label}) (last_over_time({select(metric)}[{OVER_RANGE}]))"


def _check(metric: Metric, labels: Iterable[str]) -> None:
    unknown = set(labels) - {*metric.labels, "instance", "job"}
    if unknown:
        raise ValueError(f"{metric.name} has no label {', '.join(sorted(unknown))}")
