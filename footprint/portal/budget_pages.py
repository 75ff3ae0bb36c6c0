"""The list of budgets, and the page of one: what became of it so far, and what it comes to.

In: `Listed`s or a `BurnUp`, a language. Out: a whole page, with the exact integers as other pages
have them.
"""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

from footprint.burn import BurnUp, Listed
from footprint.interval import paris_date
from footprint.portal.formats import ENERGY, MASS, WATER, Family
from footprint.portal.languages import LANGUAGES
from footprint.portal.marking import mark
from footprint.portal.render import page

FAMILIES: dict[str, Family] = {
    "energy": ENERGY,
    "emissions": MASS,
    "water": WATER,
    "energy_per_1000_tokens": ENERGY,
}
SUFFIXES = {"emissions": "\u202fCO₂e"}
INDICATORS = {
    "energy": mark("Energy"),
    "emissions": mark("Greenhouse gases, at factors that do not change"),
    "water": mark("Water"),
    "energy_per_1000_tokens": mark("Energy for 1000 generated tokens"),
}
STATES = {
    "on_track": mark("On track"),
    "at_risk": mark("At risk: it will be exceeded at this pace"),
    "exceeded": mark("Exceeded"),
    "not_enough_coverage": mark("Too little is measured to say"),
}
RULES = {
    "weekdays": mark("each weekday as that weekday was on average in the last four weeks"),
    "pace": mark("every day as the last ones were on average"),
}


def burn_html(burn: BurnUp, lang: str, *, alone: bool = False) -> str:
    """The page of a budget in `lang` ("fr" or "en"; ValueError for another). `alone`: a file to
    keep or to send, with its style inside and no link into a service."""
    today = paris_date(burn.as_of)
    return page(
        "budget.html",
        lang,
        alone=alone,
        burn=burn,
        family=FAMILIES[burn.indicator],
        suffix=SUFFIXES.get(burn.indicator, ""),
        indicators=INDICATORS,
        states=STATES,
        rules=RULES,
        days=[(place, one) for place, one in enumerate(burn.days) if one.day <= today],
        addresses={code: f"?{urlencode({'format': 'html', 'lang': code})}" for code in LANGUAGES},
        formats={kind: f"?{urlencode({'format': kind})}" for kind in ("json", "csv")},
        statement_address=_statement(burn, lang),
    )


def budgets_html(budgets: Sequence[Listed], at: datetime | None, lang: str) -> str:
    """The list of budgets in `lang` ("fr" or "en"; ValueError for another), as they stood at the
    last look `at` (None: there was none yet)."""
    asked = urlencode({"format": "html", "lang": lang})
    return page(
        "budgets.html",
        lang,
        budgets=budgets,
        at=at,
        indicators=INDICATORS,
        states=STATES,
        pages={one.code: f"/v1/budgets/{quote(one.code)}/burn-up?{asked}" for one in budgets},
        addresses={code: f"?{urlencode({'format': 'html', 'lang': code})}" for code in LANGUAGES},
    )


def _statement(burn: BurnUp, lang: str) -> str:
    scope = {"project": burn.project} if burn.project else {"sia": burn.sia_code or ""}
    month = min(paris_date(burn.as_of), burn.last).strftime("%Y-%m")
    return f"/v1/statements/{month}?{urlencode({**scope, 'format': 'html', 'lang': lang})}"
