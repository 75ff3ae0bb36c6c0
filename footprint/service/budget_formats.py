"""What became of a budget in each of its formats, all from the same struct.

CSV: `;` between fields, decimal point, UTF-8, CRLF: rows `# name` with what the budget is and how
it stands, `# threshold`, `# sia`, `# trajectory` and `# factor` rows; then a header and a row for
each day. Amounts are integers of the unit that `# base_unit` names.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from footprint import json_text
from footprint.burn import BurnUp, Listed
from footprint.service.budgets import UNITS, Budget, Held
from footprint.service.formats import Format
from footprint.service.statement_csv import safe
from footprint.service.watching import Looked

HEADER = ("day", "used", "planned", "covered_permille")
_FACTS = (
    *("code", "name", "project", "sia_code", "indicator", "base_unit", "period", "as_of"),
    *("amount_base", "used", "planned", "coverage", "recent_coverage", "state"),
    *("method_version", "known_from", "reason", "ended"),
)


def render(burn: BurnUp, form: Format, lang: str) -> bytes:
    """The budget in a format; `lang` matters to HTML only."""
    if form == "csv":
        return _csv(burn).encode()
    if form == "html":
        # The templates are slow to load: JSON and CSV do without.
        from footprint.portal.budget_pages import burn_html  # noqa: PLC0415

        return burn_html(burn, lang).encode()
    return msgspec.json.format(json_text.encode(burn), indent=2) + b"\n"


def list_page(held: Iterable[Held], looked: Looked | None, lang: str) -> bytes:
    """The page of a list of budgets."""
    from footprint.portal.budget_pages import budgets_html  # noqa: PLC0415 - as above

    burns = looked.burns if looked else {}
    rows = [_listed(one.budget, burns.get(one.budget.code)) for one in held]
    return budgets_html(rows, looked.at if looked else None, lang).encode()


def _listed(budget: Budget, burn: BurnUp | None) -> Listed:
    return Listed(
        budget.code,
        budget.name,
        budget.project,
        budget.sia,
        budget.indicator,
        budget.period,
        budget.amount,
        UNITS[budget.indicator],
        budget.base_amount,
        burn.used if burn else None,
        burn.state if burn else None,
        budget.ended,
    )


def _csv(burn: BurnUp) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    for row in _rows(burn):
        writer.writerow([_written(value) for value in row])
    return text.getvalue()


def _written(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe(value)


def _rows(burn: BurnUp) -> Iterator[tuple[Any, ...]]:
    for name in _FACTS:
        value = getattr(burn, name)
        yield (f"# {name}", value.isoformat() if hasattr(value, "isoformat") else value)
    if burn.interval:
        yield ("# interval", burn.interval.low, burn.interval.high)
    if burn.forecast:
        yield ("# forecast", burn.forecast.low, burn.forecast.value, burn.forecast.high)
    for threshold in burn.thresholds:
        yield ("# threshold", threshold.percent, threshold.amount, threshold.passed)
    for one in burn.sia:
        yield ("# sia", one.sia, one.name, one.used)
    for step in burn.trajectory:
        yield ("# trajectory", step.year, step.amount)
    for use in burn.factors:
        yield ("# factor", use.id, f"{use.value:f}", use.unit, use.zone, use.source)
    yield HEADER
    for day in burn.days:
        yield (day.day.isoformat(), day.used, day.planned, day.covered)
