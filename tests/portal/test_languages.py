"""Which language a reader gets."""

import pytest

from footprint.portal.languages import choose_language, translations


@pytest.mark.parametrize(
    ("asked", "header", "chosen"),
    [
        (None, None, "fr"),
        (None, "", "fr"),
        ("en", "fr", "en"),
        ("fr", "en", "fr"),
        ("de", "en-GB,en;q=0.8", "en"),
        (None, "de, en;q=0.5, fr;q=0.4", "en"),
        (None, "en;q=0.3, fr-FR;q=0.9", "fr"),
        (None, "de;q=1, es", "fr"),
        (None, "EN-us", "en"),
        (None, "en;q=abc;;=,", "fr"),
        (None, "en;q=0", "fr"),
        (None, "en;q=nan", "fr"),
    ],
)
def test_the_address_decides_then_the_browser_then_french(asked, header, chosen):
    """`?lang=` wins, then the browser's order of preference; French where neither is known."""
    assert choose_language(asked, header) == chosen


def test_a_language_without_pages_is_refused_in_one_line():
    """Rendering in a language that is not there names those that are."""
    with pytest.raises(ValueError, match=r"lang: no pages in 'de'; choose one of fr, en"):
        translations("de")
