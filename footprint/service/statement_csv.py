"""A statement as CSV: `;` between fields, decimal point, UTF-8, CRLF; made for spreadsheets.

First come rows whose first field begins with `#`: a word and its value (`# month;2026-11`), the
sums (`# total`), each factor (`# factor`), each PUE (`# pue`: identifier, state, value, least,
greatest, validity, category, source, whether of another year) and what sites add under it
(`# site`: code, name, PUE, energy of hosts, what the site adds, least, greatest in uJ), other
impacts (`# impact`: name, factors and WUE, zones and sites that lack one; `# wue`), the same of
other views of greenhouse gases and the contracts they rest on (`# contract`: name, permille,
gCO2/kWh, validity, document) and of the quarter-hours known of a grid (`# grid`), what is unknown
(`# gap`: gap or blind, component, cause, duration in us; `# no_factor`: a zone without which
greenhouse gases are unknown; `# absent`: host, the components that nobody measures there), each
SIA that is in no register (`# not_registered`), each server of usage that is in none
(`# usage_not_registered`), the platform of each node meter (`# platform`:
meter, hosts, boundary, platform, node, components, residue in uJ, common cover in us), the hosts
that have none (`# platform_unknown`: hosts, how many, energy of their components in uJ) and what
hosts of the same model say of them (`# platform_modelled`: hosts, quality, least, mean and greatest
energy in uJ, cover in us, model, the hosts and the number of quarter-hours that it comes from; in
no sum), what making the hardware caused, apart (`# embodied`: consumer, measure, value, least,
greatest; `# hardware`: host, name, in and out of service, years, parts, document;
`# embodied_years`: what other years would give; `# embodied_without`, `# hardware_unknown`,
`# hardware_unsplit`: what lacks), software carbon intensities (`# sci`: SIA, unit, units, kWh,
g/kWh, E x I and M in ug, g for each unit, why there is none), the interval of the total
(`# uncertainty`: measure, value, least, greatest; `# uncertainty_source`: what it is made of: kind,
group, down, up, source), the days on which the platform was negative (`# platform_anomaly`),
what SIA used by phase of their life (`# phase`: SIA, phase or none, then as `# total`), and shared
servers and services outside the house (`statement_csv_servers`, `statement_csv_externals`).
Then one header row, and one row for each line of the
statement; `via` is the shared server by which the consumer used the energy. A text that a
spreadsheet could take for a formula (such as `@system`) begins with `'`: strip it to have the
consumer's code.
"""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from footprint.amounts import IMPACTS, VIEWS
from footprint.applied import FactorUse, Viewed
from footprint.embodied_statement import Embodied
from footprint.intervals import MEASURES
from footprint.platform_figures import Platform
from footprint.service import statement_csv_externals, statement_csv_servers
from footprint.statement import Figure, Statement
from footprint.uncertainty import Bounds

HEADER = (
    "consumer",
    "component",
    "part",
    "energy_uj",
    "energy_kwh",
    "emissions_ug",
    "emissions_g",
    "counter_uj",
    "integrated_uj",
    "modelled_uj",
    "boundary",
    "coverage",
    "factors",
    "provisional",
    "site_energy_uj",
    "site_energy_kwh",
    "pues",
    *IMPACTS,
    *(f"{view}_{unit}" for view in VIEWS for unit in ("ug", "of_uj")),
    *(f"{measure}_{end}" for measure in MEASURES for end in ("low", "high")),
    "via",
    "phase",
)
NO_SITE = "(none)"
"""Stands for hosts of no site; no code has brackets."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def statement_csv(statement: Statement) -> str:
    """The statement's figures, the same as in its JSON."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    for row in _rows(statement):
        writer.writerow([safe(value) for value in row])
    return text.getvalue()


def _rows(statement: Statement) -> Iterator[tuple[Any, ...]]:
    yield from _facts(statement)
    yield ("# total", "", "", *_figure(statement.total))
    for factor in statement.factors:
        yield _factor(factor)
    yield from _sites(statement)
    yield from _unknown(statement)
    if statement.platform:
        yield from _platform(statement.platform)
    if statement.embodied:
        yield from _embodied(statement.embodied)
    for one in statement.sci:
        numbers = (one.units, f"{one.energy_kwh:f}", _fixed(one.intensity_g_per_kwh))
        masses = (one.operational_ug, one.embodied_ug, _fixed(one.emissions_g_per_unit))
        yield ("# sci", one.consumer, one.unit, *numbers, *masses, " ".join(one.reasons))
    for found in statement.uncertainty:
        yield ("# uncertainty", found.measure, found.value, found.low, found.high)
        for off in found.sources:
            of = (off.kind, off.group, off.down, off.up, off.source)
            yield ("# uncertainty_source", found.measure, *of)
    for total in statement.consumers:
        for part in total.phases:
            yield ("# phase", total.consumer, part.phase, *_figure(part.figure))
    yield from statement_csv_servers.rows(statement)
    yield from statement_csv_externals.rows(statement.externals)
    yield HEADER
    for line in statement.lines:
        yield (
            line.consumer,
            line.component,
            line.part,
            *_figure(line.figure),
            line.via,
            line.phase,
        )


def _facts(statement: Statement) -> Iterator[tuple[Any, ...]]:
    scope = statement.scope
    yield ("# month", statement.month)
    yield ("# start", statement.start.isoformat())
    yield ("# end", statement.end.isoformat())
    yield ("# as_of", statement.as_of.isoformat())
    yield ("# closed", _boolean(statement.closed))
    yield ("# scope", scope.kind, scope.code, scope.name)
    yield ("# zone", statement.zone)
    yield ("# method_version", statement.method_version)
    yield ("# omissions", " ".join(statement.omissions))
    for zone in statement.zones_without_factor:
        yield ("# no_factor", zone)
    yield ("# quarantined_pages", statement.quarantined_pages)
    yield ("# ledgers_root", statement.ledgers_root)


def _unknown(statement: Statement) -> Iterator[tuple[Any, ...]]:
    for gap in statement.gaps:
        yield ("# gap", gap.kind, gap.component, gap.cause, gap.duration_us)
    for host in statement.hosts:
        if host.absent:
            yield ("# absent", host.host_id, " ".join(host.absent))
    for total in statement.consumers:
        if not total.registered:
            yield ("# not_registered", total.consumer)
    for code in statement.usage_unregistered:
        yield ("# usage_not_registered", code)


def _factor(factor: FactorUse) -> tuple[Any, ...]:
    return (
        "# factor",
        factor.id,
        f"{factor.value:f}",
        factor.unit,
        factor.valid_from,
        factor.valid_to,
        factor.basis,
        factor.source,
        factor.published,
        _boolean(factor.provisional),
    )


def _sites(statement: Statement) -> Iterator[tuple[Any, ...]]:
    for pue in statement.pues:
        yield (
            "# pue",
            pue.id,
            pue.state,
            *(None if one is None else f"{one:f}" for one in (pue.value, pue.low, pue.high)),
            pue.valid_from,
            pue.valid_to,
            pue.category,
            pue.source,
            _boolean(pue.provisional),
        )
    for use in (*statement.impacts, *statement.views):
        lacks = (*use.without_zones, *(site or NO_SITE for site in use.without_sites))
        yield ("# impact", use.impact, " ".join(use.factors), " ".join(lacks))
    for factor in statement.impact_factors:
        yield _factor(factor)
    for wue in statement.wues:
        days = (wue.valid_from, wue.valid_to)
        yield ("# wue", wue.id, f"{wue.value:f}", *days, wue.category, wue.source)
    for contract in statement.contracts:
        days = (contract.valid_from, contract.valid_to)
        rate = f"{contract.g_per_kwh:f}"
        yield ("# contract", contract.id, contract.permille, rate, *days, contract.source)
    for grid in statement.grid:
        counts = (f"{nature}={count}" for nature, count in grid.quarters.items())
        yield ("# grid", grid.zone, *counts)
    for one in statement.sites:
        adds = (one.overhead_uj, one.overhead_low_uj, one.overhead_high_uj)
        yield ("# site", one.site, one.name, one.pue, one.energy_uj, *adds)


def _platform(platform: Platform) -> Iterator[tuple[Any, ...]]:
    for meter in platform.meters:
        yield (
            "# platform",
            meter.meter,
            " ".join(meter.hosts),
            platform.boundary,
            meter.platform_uj,
            meter.node_uj,
            meter.components_uj,
            meter.residue_uj,
            meter.common_us,
        )
    if platform.unmetered_hosts:
        yield (
            "# platform_unknown",
            " ".join(platform.unmetered_hosts),
            len(platform.unmetered_hosts),
            platform.unmetered_components_uj,
        )
    for model in platform.modelled:
        yield (
            "# platform_modelled",
            " ".join(model.hosts),
            model.quality,
            model.energy_low_uj,
            model.energy_uj,
            model.energy_high_uj,
            model.covered_us,
            model.machine,
            " ".join(model.from_hosts),
            model.from_quarter_hours,
        )
    for one in platform.anomalies:
        sensors = " ".join(one.sensors)
        yield ("# platform_anomaly", one.day, one.meter, sensors, one.platform_uj)


def _embodied(made: Embodied) -> Iterator[tuple[Any, ...]]:
    for making, whole in made.month.items():
        told = (whole.value, whole.low, whole.high) if whole else (None, None, None)
        yield ("# embodied", "", making, *told)
    for consumer in made.consumers:
        for making, one in consumer.month.items():
            yield ("# embodied", consumer.consumer, making, one.value, one.low, one.high)
    for host in made.hosts:
        parts = " ".join(f"{part.count}x{part.part}" for part in host.parts)
        days = (host.in_service, host.out_of_service)
        yield (
            "# hardware",
            host.host_id,
            host.name,
            *days,
            host.lifetime_years,
            parts,
            host.source,
        )
    for scenario in made.scenarios:
        yield ("# embodied_years", scenario.years, scenario.emissions_ug)
    for factor in made.factors:
        yield _factor(factor)
    for making, lacking in made.without_parts.items():
        yield ("# embodied_without", making, " ".join(lacking))
    for host_id in made.without_hosts:
        yield ("# hardware_unknown", host_id)
    for host_id in made.without_use:
        yield ("# hardware_unsplit", host_id)


def _figure(figure: Figure) -> tuple[Any, ...]:
    return (
        figure.energy_uj,
        f"{figure.energy_kwh:f}",
        figure.emissions_ug,
        None if figure.emissions_g is None else f"{figure.emissions_g:f}",
        *(figure.quality_uj.get(quality, 0) for quality in ("counter", "integrated", "modelled")),
        " ".join(figure.boundary_uj),
        figure.coverage,
        " ".join(figure.factors),
        _boolean(figure.provisional),
        figure.site_energy_uj,
        f"{figure.site_energy_kwh:f}",
        " ".join(figure.pue_uj),
        *(figure.impacts[name] for name in IMPACTS),
        *(number for view in VIEWS for number in _viewed(figure.views[view])),
        *(end for measure in MEASURES for end in _ends(figure.intervals.get(measure))),
    )


def _ends(found: Bounds | None) -> tuple[int | None, int | None]:
    return (found.low, found.high) if found else (None, None)


def _fixed(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _viewed(seen: Viewed) -> tuple[int | None, int]:
    """Micrograms, and the energy that they are of: none of what nothing is known of."""
    return (seen.emissions_ug if seen.energy_uj else None), seen.energy_uj


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def safe(value: Any) -> Any:
    """What no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
