"""Overview and statement to HTML: the two functions that the service calls.

In: an `Overview` or a `Statement`, and a language. Out: a whole page. Beside each figure the page
carries the integer it was made from, `<data value="123456" data-pointer="/total/energy_uj">`: the
pointer (RFC 6901) names the same value in the JSON of the page, so that anyone can compare them.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from footprint.interval import month_of
from footprint.overview import ConsumerNow, Overview
from footprint.portal.formats import Formats
from footprint.portal.languages import LANGUAGES, translations
from footprint.portal.words import KINDS, Words
from footprint.statement import ConsumerTotal, Statement
from footprint.trend import Trend

_HERE = Path(__file__).parent
STATIC_DIRECTORY = _HERE / "static"
"""What the service serves under /static."""
_STYLESHEET = STATIC_DIRECTORY / "portal.css"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""The header that the pages are made for: no script, no inline style, nothing from elsewhere."""

Consumer = TypeVar("Consumer", ConsumerNow, ConsumerTotal)

METHOD_PATH = "/method"
QUALITIES = ("counter", "integrated", "modelled")


def overview_html(overview: Overview, lang: str) -> str:
    """The first page in `lang` ("fr" or "en"; ValueError for another)."""
    month = urlencode({"format": "html", "lang": lang})
    return page(
        "overview.html",
        lang,
        overview=overview,
        sia=_sia(overview.consumers),
        others=_others(overview.consumers),
        addresses={code: f"?{urlencode({'lang': code})}" for code in LANGUAGES},
        month_address=f"/v1/statements/{month_of(overview.at)}?{month}",
    )


def statement_html(statement: Statement, lang: str, *, alone: bool = False) -> str:
    """A month's statement in `lang` ("fr" or "en"; ValueError for another). `alone`: a file to keep
    or to send, with its style inside and no link into a service.
    """
    scope: dict[str, str] = {}
    if statement.scope.code is not None:
        # A server is asked for as a consumer, as a SIA is.
        name = "project" if statement.scope.kind == "project" else "sia"
        scope = {name: statement.scope.code}

    def address(**query: str) -> str:
        return f"?{urlencode({**scope, **query})}"

    return page(
        "statement.html",
        lang,
        alone=alone,
        statement=statement,
        sia=_sia(statement.consumers),
        others=_others(statement.consumers),
        addresses={code: address(format="html", lang=code) for code in LANGUAGES},
        formats={kind: address(format=kind) for kind in ("json", "csv")},
        factor_numbers={factor.id: n for n, factor in enumerate(statement.factors, 1)},
        trend_address=f"/v1/trend{address(to=statement.month, format='html', lang=lang)}",
    )


def trend_html(trend: Trend, lang: str, *, alone: bool = False) -> str:
    """Months side by side in `lang` ("fr" or "en"; ValueError for another), the newest first.
    `alone`: a file to keep or to send, with its style inside and no link into a service."""
    scope: dict[str, str] = {}
    if trend.scope.code is not None:
        scope["project" if trend.scope.kind == "project" else "sia"] = trend.scope.code
    asked = {
        **scope,
        "to": trend.months[-1].month,
        "months": str(len(trend.months)),
        "factor_of": trend.factor_month,
    }

    def address(**query: str) -> str:
        return f"?{urlencode({**asked, **query})}"

    month = urlencode({**scope, "format": "html", "lang": lang})

    return page(
        "trend.html",
        lang,
        alone=alone,
        trend=trend,
        months=list(reversed(list(enumerate(trend.months)))),
        addresses={code: address(format="html", lang=code) for code in LANGUAGES},
        formats={kind: address(format=kind) for kind in ("json", "csv")},
        statements={one.month: f"/v1/statements/{one.month}?{month}" for one in trend.months},
    )


def known_sum(values: Sequence[int | None]) -> int | None:
    """The sum, or None where nothing is known or one of `values` is not."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _sia(consumers: Sequence[Consumer]) -> list[tuple[int, Consumer]]:
    """The consumers that are SIA, each with its place in the whole list."""
    return [(place, one) for place, one in enumerate(consumers) if one.kind == "sia"]


def _others(consumers: Sequence[Consumer]) -> list[tuple[int, Consumer]]:
    """The consumers that are not SIA, in the order in which they are explained."""
    found = [(place, one) for place, one in enumerate(consumers) if one.kind != "sia"]
    return sorted(found, key=lambda pair: list(KINDS).index(pair[1].kind))


def page(template: str, lang: str, **context: object) -> str:
    """A whole page of a template in `lang` (ValueError for another)."""
    return _environment(lang).get_template(template).render({"alone": False, **context})


@cache
def _environment(lang: str) -> Environment:
    catalogue = translations(lang)
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(
        lang=lang,
        fmt=Formats(lang),
        words=Words(catalogue.gettext),
        known_sum=known_sum,
        qualities=QUALITIES,
        stylesheet=_stylesheet(),
        style=Markup(_STYLESHEET.read_text(encoding="utf-8")),  # noqa: S704 - ours, not a user's
        method_address=METHOD_PATH,
    )
    return environment


@cache
def _stylesheet() -> str:
    """The style sheet's address, which changes with its content so that caches never mislead."""
    digest = hashlib.sha256(_STYLESHEET.read_bytes()).hexdigest()
    return f"/static/portal.css?v={digest[:12]}"
