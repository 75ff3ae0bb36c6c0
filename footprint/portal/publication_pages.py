"""The page of a published month, and the list of all of them: what everybody may read.

In: the file of a publication, or what is published; a language. Out: a whole page, without a link
to anything that asks for an account. `data-pointer` names the value in the file.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

from footprint.portal.languages import LANGUAGES
from footprint.portal.marking import mark
from footprint.portal.render import page
from footprint.published_file import Sealed

FORMATS = ("json", "csv")
EQUIVALENCES = {
    "home_electricity": mark(
        "As much electricity as %(count)s inhabitants of France use at home in a month"
    ),
    "car_kilometres": mark(
        "As much greenhouse gas as %(count)s km in a car with a combustion engine"
    ),
}
CAUSES = {
    "factor": mark("factor"),
    "pue": mark("PUE of a site"),
    "wue": mark("water of a site (WUE)"),
    "contract": mark("contract of a site’s electricity"),
    "grid": mark("data of the grid"),
    "hardware": mark("declarations of hardware"),
    "pages": mark("ledgers of hosts"),
    "usage": mark("ledgers of usage"),
    "sia": mark("AI systems in the register"),
    "server": mark("shared servers in the register"),
    "site": mark("sites in the register"),
    "external": mark("services outside in the register"),
}


def publication_html(file: Sealed, lang: str, *, alone: bool = False) -> str:
    """A published month in `lang` ("fr" or "en"; ValueError for another). `alone`: a file to keep
    or to send, with its style inside and no link into a service."""
    one = file.publication
    return page(
        "publication.html",
        lang,
        alone=alone,
        file=file,
        one=one,
        of_sia=[(n, unit) for n, unit in enumerate(one.units) if unit.kind in ("sia", "together")],
        of_others=[
            (n, unit) for n, unit in enumerate(one.units) if unit.kind not in ("sia", "together")
        ],
        equivalences=EQUIVALENCES,
        causes=CAUSES,
        addresses={code: f"?{urlencode({'format': 'html', 'lang': code})}" for code in LANGUAGES},
        formats={kind: f"?{urlencode({'format': kind})}" for kind in FORMATS},
        all_address=f"/v1/publications?{urlencode({'format': 'html', 'lang': lang})}",
    )


def publications_html(months: Sequence[tuple[str, int]], lang: str) -> str:
    """The months that are published, with their numbers, the newest first."""
    asked = urlencode({"format": "html", "lang": lang})
    return page(
        "publications.html",
        lang,
        months=months,
        pages={month: f"/v1/publications/{month}?{asked}" for month, _ in months},
        addresses={code: f"?{urlencode({'format': 'html', 'lang': code})}" for code in LANGUAGES},
    )
