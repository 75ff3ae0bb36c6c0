"""A published month as CSV: `;` between fields, decimal point, UTF-8, CRLF; one header, rows all
alike.

In: the file of a publication. Out: text. `level` says what a row is: `total`, `directorate`,
`project`, `unit` (a SIA, SIA that stand together, or what is no SIA's), `component`, `site`, and
`line`, of which all others are sums (but sites, which have energy alone). `codes` are the members,
joined with `+`, `names` theirs in the same order. A text that a spreadsheet could take for a
formula begins with `'`: strip it to have the code. What is not known is empty, never 0.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from footprint import units
from footprint.amounts import IMPACTS, VIEWS
from footprint.intervals import MEASURES
from footprint.publication import Amount, Member, SiteGroup, Told
from footprint.published_file import Sealed
from footprint.service.statement_csv import safe

HEADER = (
    "month",
    "number",
    "hash",
    "demonstration",
    "level",
    "codes",
    "names",
    "of_project",
    "of_unit",
    "of_components",
    "energy_uj",
    "energy_kwh",
    "site_energy_uj",
    "site_energy_kwh",
    "emissions_ug",
    "emissions_g",
    *IMPACTS,
    *(f"{view}_{unit}" for view in VIEWS for unit in ("ug", "of_uj")),
    "coverage",
    *(f"{measure}_{end}" for measure in MEASURES for end in ("low", "high")),
)


def publication_csv(file: Sealed) -> str:
    """The same figures as in the file."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADER)
    one = file.publication
    whose = (one.month, one.number, file.hash, "true" if one.demonstration else "false")
    for row in _rows(file):
        filled = (*whose, *row)
        padded = (*filled, *[None] * (len(HEADER) - len(filled)))
        writer.writerow([safe(value) for value in padded])
    return text.getvalue()


def _rows(file: Sealed) -> Iterator[tuple[Any, ...]]:
    one = file.publication
    yield ("total", None, None, None, None, None, *_told(one.total))
    for group in one.directorates:
        yield ("directorate", *_named(group.members), None, None, None, *_told(group.told))
    for group in one.projects:
        yield ("project", *_named(group.members), None, None, None, *_told(group.told))
    for unit in one.units:
        codes, names = _named(unit.members)
        yield ("unit", codes or unit.id, names, None, None, None, *_told(unit.told))
    for component in one.components:
        yield ("component", component.id, None, None, None, None, *_told(component.told))
    for site in one.sites:
        yield ("site", *_named(site.members), None, None, None, *_site(site))
    for line in one.lines:
        of = (line.project, line.unit, line.components)
        yield ("line", None, None, *of, *_amount(line.amount))


def _named(members: Iterable[Member]) -> tuple[str, str]:
    found = list(members)
    return "+".join(one.code for one in found), "+".join(one.name or "" for one in found)


def _site(site: SiteGroup) -> tuple[Any, ...]:
    whole = None if site.overhead_uj is None else site.energy_uj + site.overhead_uj
    return (site.energy_uj, _kwh(site.energy_uj), whole, None if whole is None else _kwh(whole))


def _told(told: Told) -> tuple[Any, ...]:
    ends: list[int | None] = []
    for measure in MEASURES:
        found = told.intervals.get(measure)
        ends += [found.low, found.high] if found else [None, None]
    return (*_amount(told.amount), told.coverage, *ends)


def _amount(one: Amount) -> tuple[Any, ...]:
    gases = one.emissions_ug
    views: list[int | None] = []
    for view in VIEWS:
        seen = one.views.get(view)
        views += [seen.emissions_ug, seen.energy_uj] if seen else [None, None]
    return (
        one.energy_uj,
        _kwh(one.energy_uj),
        one.site_energy_uj,
        _kwh(one.site_energy_uj),
        gases,
        None if gases is None else f"{units.grams(gases):f}",
        *(one.impacts.get(impact) for impact in IMPACTS),
        *views,
    )


def _kwh(energy_uj: int) -> str:
    return f"{units.kwh(energy_uj):f}"
