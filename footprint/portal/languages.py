"""Which language a reader gets, and its catalogue.

In: the `lang` of the address and the browser's Accept-Language. Out: one of `LANGUAGES` and its
translations, read straight from the committed .po files, so that a fresh clone needs no compiling.
"""

import io
from functools import cache
from gettext import GNUTranslations
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("fr", "en")
"""French is the default."""

LOCALE_OF = {"fr": "fr", "en": "en_GB"}
"""The locale that writes numbers and dates: European English, 24-hour clock, day before month."""

CATALOGUES = Path(__file__).parent / "locale"


def choose_language(asked: str | None, accept_language: str | None) -> str:
    """The language of a page: `asked` (`?lang=`) if it exists, else the browser's best or French.

    `accept_language` is the header's value (RFC 9110, 12.5.4), None where there is none. A value
    that cannot be read counts as absent.
    """
    if asked in LANGUAGES:
        return asked
    best, best_quality = LANGUAGES[0], 0.0
    for choice in (accept_language or "").split(","):
        tag, _, parameter = choice.strip().partition(";")
        language = tag.split("-")[0].strip().lower()
        quality = _quality(parameter)
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if not name.strip():
        return 1.0
    try:
        return float(value) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0


def catalogue_path(lang: str) -> Path:
    """Where the catalogue of `lang` lies."""
    return CATALOGUES / f"{lang}.po"


def read_catalogue(lang: str) -> Catalog:
    """The catalogue of `lang` as it is committed."""
    with catalogue_path(lang).open("rb") as file:
        return read_po(file, locale=lang, domain="footprint")


@cache
def translations(lang: str) -> GNUTranslations:
    """The translations of `lang`; ValueError where there is no such catalogue."""
    if lang not in LANGUAGES:
        raise ValueError(f"lang: no pages in {lang!r}; choose one of {', '.join(LANGUAGES)}")
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue(lang))
    compiled.seek(0)
    return GNUTranslations(compiled)
