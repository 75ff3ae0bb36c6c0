"""`/metrics` of the service: names from the catalogue, figures from the store and the tally.

A scrape reads and changes nothing. Counters are totals since the process started; the month's
figures are gauges, because later pages and factors can change them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from footprint import METHOD_VERSION, __version__, metrics, units
from footprint.attribution import attribute
from footprint.codes import sia_of
from footprint.interval import month_of
from footprint.metrics import Metric
from footprint.service import (
    budget_metrics,
    reports,
    rollups,
    server_metrics,
    store_alerts,
    store_facts,
    store_pages,
    store_usage,
    subjects,
)
from footprint.service.state import State, state_of
from footprint.statement import Figure, Statement

router = APIRouter(tags=["health"])
Family = CounterMetricFamily | GaugeMetricFamily
Samples = Mapping[tuple[str, ...], float]


@router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
def get_metrics(request: Request) -> Response:
    """The text format that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ServiceCollector(state_of(request)))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class ServiceCollector(Collector):
    """The families of `metrics.SERVICE_METRICS` as they are now."""

    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterator[Any]:
        """One family after another, those without samples too."""
        samples = self._samples()
        for metric in metrics.SERVICE_METRICS:
            yield _family(metric, samples.get(metric.name, {}))

    def _samples(self) -> dict[str, Samples]:
        state = self._state
        samples = _counted(state)
        with rollups.figures(state.store) as connection:
            samples |= _held(connection)
            samples |= self._month(connection)
            waiting = store_alerts.waiting(connection)
        samples |= budget_metrics.samples(state.watcher.looked, waiting)
        return samples

    def _month(self, connection: Connection) -> dict[str, Samples]:
        state, now = self._state, self._state.clock()
        asked = subjects.Asked(month_of(now))
        statement = state.months.get(
            connection,
            now,
            lambda: reports.statement(connection, asked, state.settings.zone, now, rolled=True),
        )
        energy = _by_quality(statement)
        samples: dict[str, Samples] = {
            metrics.MONTH_ENERGY.name: _joules(energy),
            metrics.MONTH_EMISSIONS.name: {
                (total.consumer, quality): units.grams_float(mass_ug)
                for total in statement.consumers
                for quality, mass_ug in _emissions_by_quality(total.figure).items()
            },
            metrics.MONTH_COVERAGE.name: {
                (total.component,): float(ratio)
                for total in statement.components
                if (ratio := total.coverage.ratio) is not None
            },
            metrics.EMISSION_FACTOR.name: {
                (
                    use.zone,
                    use.method,
                    use.source,
                    use.valid_from,
                    str(use.provisional).lower(),
                ): float(use.value)
                for use in statement.factors
            },
        }
        return samples | server_metrics.samples(statement)


def _by_quality(statement: Statement) -> Mapping[Any, int]:
    sums: Counter[tuple[str, str, str]] = Counter()
    for line in statement.lines:
        for quality, energy_uj in line.figure.quality_uj.items():
            sums[line.component, line.consumer, quality] += energy_uj
    return sums


def _counted(state: State) -> dict[str, Samples]:
    return {
        metrics.SERVICE_BUILD_INFO.name: {(__version__, METHOD_VERSION): 1},
        metrics.SERVICE_PAGES.name: {
            (result,): number for result, number in state.tally.pages().items()
        },
        metrics.SERVICE_ENERGY.name: _joules(_whatever_phase(state.tally.energy_uj())),
        metrics.SERVICE_REFUSED.name: {
            (reason,): number for reason, number in state.tally.refused().items()
        },
    }


def _whatever_phase(sums: Mapping[Any, int]) -> Mapping[Any, int]:
    """By component, consumer and quality: a SIA is one consumer in all of its phases."""
    found: Counter[Any] = Counter()
    for (component, consumer, quality), energy_uj in sums.items():
        found[component, sia_of(consumer), quality] += energy_uj
    return found


def _held(connection: Connection) -> dict[str, Samples]:
    return {
        metrics.SERVICE_QUARANTINED.name: {(): store_facts.all_quarantined(connection)},
        metrics.SERVICE_HOSTS.name: {(): store_pages.CHAINS.host_count(connection)},
        metrics.SERVICE_LAST_PAGE.name: _ends(store_pages.CHAINS.last_ends_us(connection)),
        metrics.SERVICE_LAST_USAGE.name: _ends(store_usage.CHAINS.last_ends_us(connection)),
    }


def _ends(ends_us: Mapping[str, int]) -> Samples:
    return {(host_id,): end_us / 1_000_000 for host_id, end_us in ends_us.items()}


def _joules(sums: Mapping[Any, int]) -> Samples:
    return {key: units.joules_float(energy_uj) for key, energy_uj in sums.items()}


def _family(metric: Metric, samples: Samples) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family: Family = kind(metric.name, metric.help, labels=metric.labels)
    for labels in sorted(samples):
        family.add_metric(labels, samples[labels])
    return family


def _emissions_by_quality(figure: Figure) -> dict[str, int]:
    """Micrograms by quality, in proportion to the energy; none where no factor applies."""
    if figure.emissions_ug is None or not figure.quality_uj:
        return {}
    weights = {str(quality): energy_uj for quality, energy_uj in figure.quality_uj.items()}
    return attribute(figure.emissions_ug, weights, otherwise=min(weights))
