"""A trend in each of its formats, all from the same struct.

CSV: `;` between fields, decimal point, UTF-8, CRLF: `# scope`, `# as_of`, `# factor_month`, a
`# factor` row for each and a `# pue` row for each that was applied; then a header and a row for
each month, its name alone where no page covers any of it.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec

from footprint import json_text
from footprint.service.formats import Format
from footprint.service.statement_csv import safe
from footprint.trend import Trend, TrendMonth

HEADER = (
    "month",
    "energy_uj",
    "site_energy_uj",
    "emissions_ug",
    "emissions_ug_low",
    "emissions_ug_high",
    "constant_ug",
    "coverage",
    "provisional",
)


def render(found: Trend, form: Format, lang: str, *, alone: bool = False) -> bytes:
    """The trend in a format; `lang` and `alone` (one file that needs no service) matter to HTML
    only."""
    if form == "csv":
        return _csv(found).encode()
    if form == "html":
        # The templates are slow to load: JSON and CSV do without.
        from footprint.portal.render import trend_html  # noqa: PLC0415

        return trend_html(found, lang, alone=alone).encode()
    return msgspec.json.format(json_text.encode(found), indent=2) + b"\n"


def _csv(found: Trend) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    for row in _rows(found):
        writer.writerow([safe(value) for value in row])
    return text.getvalue()


def _rows(found: Trend) -> Iterator[tuple[Any, ...]]:
    yield ("# scope", found.scope.kind, found.scope.code, found.scope.name)
    yield ("# as_of", found.as_of.isoformat())
    yield ("# method_version", found.method_version)
    yield ("# factor_month", found.factor_month)
    for use in found.factors:
        yield ("# factor", use.id, f"{use.value:f}", use.unit, use.zone, use.source)
    for pue in found.pues:
        value = None if pue.value is None else f"{pue.value:f}"
        yield ("# pue", pue.id, pue.state, value, pue.source)
    yield HEADER
    for one in found.months:
        yield _row(one)


def _row(one: TrendMonth) -> tuple[Any, ...]:
    figure = one.figure
    if figure is None:
        return (one.month,)
    ends = figure.intervals.get("emissions_ug")
    return (
        one.month,
        figure.energy_uj,
        figure.site_energy_uj,
        figure.emissions_ug,
        ends.low if ends else None,
        ends.high if ends else None,
        one.constant_ug,
        figure.coverage,
        "true" if figure.provisional else "false",
    )
