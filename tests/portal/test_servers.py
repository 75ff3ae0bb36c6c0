"""What a statement's page says of shared servers, in both languages."""

import msgspec
import pytest

from footprint.portal.languages import LANGUAGES
from footprint.portal.render import overview_html, statement_html
from tests.portal.examples import CELLS, HOSTILE, STATEMENTS, overview, statement
from tests.portal.shared_example import SERVED
from tests.portal.test_pages import Reader, at

every_language = pytest.mark.parametrize("lang", LANGUAGES)
NORMAL = STATEMENTS["normal"]


@every_language
def test_every_figure_of_a_server_stands_in_the_page(lang: str) -> None:
    """Shares, ranges, idle parts, what was asked, ratios, loads, estimates: all that is known."""
    shown = Reader(statement_html(NORMAL, lang)).values
    document = msgspec.json.decode(msgspec.json.encode(NORMAL))
    for place, server in enumerate(document["servers"]):
        wanted = [
            f"/consumers/{n}/{name}" for n in range(len(server["consumers"])) for name in SHARE
        ]
        wanted += [f"/load/{n}/{name}" for n in range(len(server["load"])) for name in LOAD]
        wanted += [f"/gaps/{n}/duration_us" for n in range(len(server["gaps"]))]
        wanted += ["/energy_uj", *(["/estimate/ratio"] if server["estimate"] else [])]
        for pointer in wanted:
            value = at(server, pointer)
            expected = None if value is None else {str(value)}
            assert shown.get(f"/servers/{place}{pointer}") == expected, pointer


SHARE = (
    *("energy_uj", "emissions_ug", "active_uj", "least_uj", "most_uj", "idle_uj"),
    *("counts/requests", "counts/prompt_tokens", "counts/generated_tokens", "counts/units"),
    *(
        f"efficiency/{kind}/{name}"
        for kind in ("per_1000_generated_tokens", "per_request", "per_unit")
        for name in ("energy_wh", "emissions_g")
    ),
)
LOAD = ("quarter_hours", "generated_tokens", "active_j_per_1000", "with_idle_j_per_1000")


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "fr",
            [
                "Serveurs d’IA mutualisés",
                "trop peu pour conclure",
                "son unité d’œuvre\u202f: courriel",
                "par le serveur mutualisé albert-large",
                "tels que l’énergie du serveur lui-même les révèle",
                "trop peu de quarts d’heure avec des jetons",
                "reste au serveur",
                "elle ne compte pas l’énergie d’un serveur qui attend",
            ],
        ),
        (
            "en",
            [
                "Shared AI servers",
                "too few to say",
                "its unit of work: courriel",
                "by the shared server albert-large",
                "as the server’s own energy tells them",
                "too few quarter-hours with tokens",
                "stays with the server",
                "it has no energy of a server that waits",
            ],
        ),
    ],
)
def test_rules_and_reasons_are_said_in_words(lang: str, words: list[str]) -> None:
    """Weights, what the energy tells of them, idle key, missing ratios, estimates."""
    text = " ".join(Reader(statement_html(NORMAL, lang)).text.split())
    plain = text.replace("\u202f", " ").replace("\xa0", " ")
    assert [phrase for phrase in words if phrase.replace("\u202f", " ") not in plain] == []


def test_a_server_is_no_ai_system_of_its_own() -> None:
    """Its row is with the rest, and says that it is what is left."""
    page = statement_html(NORMAL, "en")
    rest = page[page.index("The rest of the machines") :]
    assert "Shared AI server <bdi>Albert, grand modèle</bdi>" in rest
    assert "What nobody is known to have asked of it" in rest


def test_without_servers_no_word_of_them_is_said() -> None:
    """A month without shared servers reads as before."""
    page = statement_html(STATEMENTS["alone"], "en")
    assert "hared" not in page


@every_language
def test_a_servers_name_stays_text(lang: str) -> None:
    """Markup and direction marks in it act on nothing."""
    named = [msgspec.structs.replace(one, name=HOSTILE) for one in SERVED]
    html = statement_html(statement(served=named), lang)
    assert "<script" not in html
    assert not set("\u202e\u2069") & set(html)


def test_the_first_page_shows_a_server_whole() -> None:
    """Its energy is divided by the month's statement, and the page says so."""
    cells = [*CELLS, *SERVED[0].split.cells[0]]
    own = [msgspec.structs.replace(c, consumer="albert-large", via=None) for c in cells if c.via]
    page = overview_html(overview(cells=own, servers={"albert-large": "Albert"}), "fr")
    assert "Serveur d’IA mutualisé <bdi>Albert</bdi>" in page
    assert "Le relevé du mois répartit son énergie entre eux." in page
