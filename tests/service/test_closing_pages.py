"""The page of a published month: what everybody may read, with the file's own values."""

import pytest

from tests.portal.test_pages import Reader, at
from tests.service.house import House
from tests.service.test_closing import MONTH, close, correct, late, make_ended, two_months
from tests.service.test_publication_figures import SMALL

_ = make_ended
MOST_BYTES = 200_000


def reader(house: House, path: str) -> Reader:
    """A page that was read."""
    answer = house.get(f"/v1/publications{path}")
    assert answer.is_success, answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert len(answer.content) < MOST_BYTES
    return Reader(answer.text)


@pytest.mark.parametrize(
    ("lang", "title", "other"),
    [
        ("fr", "Ce que l’IA a consommé en décembre 2026", "Par rapport à novembre 2026"),
        ("en", "What AI used in December 2026", "Against November 2026"),
    ],
)
def test_each_figure_is_the_file_s(ended: House, lang: str, title: str, other: str) -> None:
    """By its pointer; with what it is compared with, what changed, what could be done."""
    two_months(ended)
    correct(ended, "92.2", "Correction")
    close(ended, "2026-12", publish=True)
    found = reader(ended, f"/2026-12?format=html&lang={lang}")
    file = ended.get("/v1/publications/2026-12").json()
    for pointer, values in found.values.items():
        assert values == {str(at(file, pointer))}, pointer
    assert "/publication/total/amount/site_energy_uj" in found.values
    for words in (title, other, "+100", "Correction", file["hash"], "Petit-1, Petit-2, Petit-3"):
        assert words in found.text, words
    assert len({code for code in found.values if code.startswith("/publication/units/")}) >= 14


def test_what_is_withheld_is_said(ended: House) -> None:
    """No figure of it is on the page."""
    two_months(ended)
    late(ended, {SMALL[0]: 60_000_000})
    close(ended, "2026-12", publish=True)
    text = reader(ended, "/2026-12?format=html&lang=en").text
    assert "By how much is not told" in text
    assert "now" not in text.split("What is known better")[1].split("Why:")[0]


def test_the_months_are_listed(ended: House) -> None:
    """The newest first; before there is one, the page says so."""
    assert "Aucun mois n’est encore publié." in reader(ended, "?format=html").text
    two_months(ended)
    close(ended, "2026-12", publish=True)
    found = reader(ended, "?format=html")
    links = [one["href"] for one in found.all("a") if "publications/2" in (one.get("href") or "")]
    assert [link.split("?")[0] for link in links if link] == [
        "/v1/publications/2026-12",
        f"/v1/publications/{MONTH}",
    ]


def test_a_file_to_keep_has_no_link_into_the_service(ended: House) -> None:
    """And its style inside."""
    close(ended, publish=True)
    answer = ended.get(f"/v1/publications/{MONTH}?format=html&alone=true")
    assert answer.headers["Content-Disposition"] == "attachment"
    assert 'href="/' not in answer.text
    assert "<style>" in answer.text
