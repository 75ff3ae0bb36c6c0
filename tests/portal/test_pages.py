"""What the pages say, and that each figure is the struct's own."""

import re
from html.parser import HTMLParser

import msgspec
import pytest

from footprint.portal.budget_pages import burn_html
from footprint.portal.languages import LANGUAGES
from footprint.portal.render import STATIC_DIRECTORY, overview_html, statement_html, trend_html
from tests.portal.budget_example import BURNS
from tests.portal.examples import HOSTILE, OVERVIEWS, STATEMENTS, TRENDS, overview, statement

ALL = [
    *((overview_html, f"overview-{name}", one) for name, one in OVERVIEWS.items()),
    *((statement_html, f"statement-{name}", one) for name, one in STATEMENTS.items()),
    *((trend_html, f"trend-{name}", one) for name, one in TRENDS.items()),
    *((burn_html, f"budget-{name}", one) for name, one in BURNS.items()),
]
every_page = pytest.mark.parametrize(
    ("render", "struct"), [pytest.param(render, one, id=name) for render, name, one in ALL]
)
every_language = pytest.mark.parametrize("lang", LANGUAGES)


class Reader(HTMLParser):
    """The tags of a page, the exact values it carries by JSON pointer, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.values: dict[str, set[str]] = {}
        self.parts: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join("".join(self.parts).split())

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append((tag, found))
        if "data-pointer" in found:
            self.values.setdefault(found["data-pointer"], set()).add(found["value"])

    def handle_data(self, data):
        self.parts.append(data)

    def all(self, tag):
        """The attributes of every element `tag`."""
        return [found for name, found in self.tags if name == tag]


def at(document, pointer):
    """The value that a JSON pointer (RFC 6901) names in a document."""
    for step in pointer.removeprefix("/").split("/"):
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def leaves(document, pointer=""):
    """Every scalar of a document with its pointer."""
    if isinstance(document, dict | list):
        steps = document.items() if isinstance(document, dict) else enumerate(document)
        for step, value in steps:
            yield from leaves(value, f"{pointer}/{step}")
    else:
        yield pointer, document


@every_language
@every_page
def test_each_value_in_the_page_is_the_value_in_its_json(render, struct, lang):
    """The exact value beside every figure equals what its pointer names in the JSON."""
    document = msgspec.json.decode(msgspec.json.encode(struct))
    for pointer, values in Reader(render(struct, lang)).values.items():
        assert values == {str(at(document, pointer))}, pointer


@every_language
@pytest.mark.parametrize("struct", [STATEMENTS["normal"], OVERVIEWS["normal"]])
def test_no_figure_of_the_json_is_missing_in_the_page(struct, lang):
    """Every energy, power, mass, share and duration of the struct stands in the page."""
    render = statement_html if struct is STATEMENTS["normal"] else overview_html
    shown = Reader(render(struct, lang)).values
    wanted = re.compile(r"(energy_uj|emissions_ug|power_uw|[a-z]+ed_us|duration_us)\Z")
    for pointer, value in leaves(msgspec.json.decode(msgspec.json.encode(struct))):
        if not re.search("/(impacts|views|embodied|sci)/", pointer) and wanted.search(pointer):
            assert shown.get(pointer) == {str(value)}, pointer
    for pointer in ("/total/quality_uj/counter", "/total/quality_uj/modelled"):
        assert pointer in shown


@every_language
def test_other_impacts_are_shown_by_consumer(lang):
    """In the statement, and other views of greenhouse gases; what is not available says why, and is
    no zero."""
    statement = STATEMENTS["normal"]
    page = Reader(statement_html(statement, lang))
    figures = {"/total": statement.total} | {
        f"/consumers/{place}/figure": one.figure for place, one in enumerate(statement.consumers)
    }
    for pointer, figure in figures.items():
        for name, amount in figure.impacts.items():
            assert page.values.get(f"{pointer}/impacts/{name}") == (
                None if amount is None else {str(amount)}
            )
        for name, seen in figure.views.items():
            assert page.values.get(f"{pointer}/views/{name}/emissions_ug") == (
                {str(seen.emissions_ug)} if seen.energy_uj else None
            )
    made = statement.embodied
    for place, one in enumerate(made.consumers):
        pointer = f"/embodied/consumers/{place}/month/emissions_ug/value"
        assert page.values[pointer] == {str(one.month["emissions_ug"].value)}
    assert made.month["emissions_ug"].low < made.month["emissions_ug"].value
    assert made.month["adpe_pg"] is None
    assert "/embodied/month/adpe_pg/value" not in page.values
    assert {"fr": "personne n’a déclaré", "en": "nobody declared"}[lang] in page.text
    assert statement.total.impacts["primary_energy_uj"] is None
    assert statement.total.impacts["water_grid_ul"]
    said = {"fr": "Non disponible : le registre", "en": "Not available: the registry"}
    assert said[lang] in statement_html(statement, lang).replace("\u00a0", " ")


@every_language
@every_page
def test_pages_are_well_made(render, struct, lang):
    """One h1, the language said, landmarks, captions, heads with scope, unique ids, no script."""
    page = Reader(render(struct, lang))
    assert page.all("html") == [{"lang": lang}]
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "footer")] == [1, 1, 1, 1]
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("scope" in found for found in page.all("th"))
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(ids) == len(set(ids))
    assert not page.all("script") + page.all("style")
    assert not any("style" in found for _, found in page.tags)
    for found in page.all("a"):
        assert not found["href"].startswith("#") or found["href"][1:] in ids


@every_language
@every_page
def test_pages_are_light(render, struct, lang):
    """A page with its style sheet and icon weighs less than 200 kB."""
    static = sum(file.stat().st_size for file in STATIC_DIRECTORY.iterdir())
    assert len(render(struct, lang).encode()) + static < 200_000


@pytest.mark.parametrize("render", [overview_html, statement_html])
@every_language
def test_hostile_names_stay_text(render, lang):
    """A name with markup and direction marks is shown, and acts on nothing."""
    struct = (OVERVIEWS if render is overview_html else STATEMENTS)["hostile"]
    html = render(struct, lang)
    assert "<script" not in html
    assert "<b>" not in html
    assert not set("\u202e\u2069") & set(html)
    shown = HOSTILE.replace("\u202e", "[U+202E]").replace("\u2069", "[U+2069]")
    assert shown in Reader(html).text


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "fr",
            [
                "Estimé par un modèle, non mesuré",
                "non enregistré",
                "Facteur provisoire",
                "14:32 (heure de Paris, UTC+1)",
                "46,1 g CO₂e/kWh",
                "du 1er janvier 2025 au 31 décembre 2025",
            ],
        ),
        (
            "en",
            [
                "Estimated by a model, not measured",
                "not registered",
                "Provisional factor",
                "14:32 (Paris time, UTC+1)",
                "46.1 g CO₂e/kWh",
                "from 1 January 2025 to 31 December 2025",
            ],
        ),
    ],
)
@pytest.mark.parametrize("render", [overview_html, statement_html])
def test_what_is_modelled_provisional_or_unregistered_is_said(render, lang, words):
    """A page whose figures come from a model says so beside them, in the reader's language."""
    struct = (OVERVIEWS if render is overview_html else STATEMENTS)["modelled"]
    text = Reader(render(struct, lang)).text
    assert [phrase for phrase in words if phrase not in text] == []


@every_language
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_kept_as_a_file_needs_nothing_else(name, lang):
    """The style is inside, no link leads into a service, every figure of the page is there."""
    html = statement_html(STATEMENTS[name], lang, alone=True)
    page = Reader(html)
    assert len(page.all("style")) == 1
    assert not page.all("link") + page.all("script") + page.all("img")
    assert all(found["href"].startswith("#") for found in page.all("a"))
    assert page.values == Reader(statement_html(STATEMENTS[name], lang)).values
    assert "--alarm-ink" in html


@every_language
@every_page
def test_words_do_not_run_together_without_the_style(render, struct, lang):
    """A text browser, or a copied table, has a space between a code and what is said of it."""
    html = render(struct, lang)
    assert not re.search(r"\w(</\w+>)+<span class=\"(tag|meaning|unit)", html)


def test_a_modelled_figure_is_marked_in_its_own_cell():
    """Energy of one microjoule or more from a model has the sign before it, a counted one none."""
    html = overview_html(OVERVIEWS["normal"], "fr")
    rows = {
        code: next(row for row in html.split("<tr>") if f"<bdi>{code}</bdi>" in row)
        for code in ("tri-courriels", "@idle", "albert-chat")
    }
    assert [row.count("≈") for row in rows.values()] == [4, 0, 4]
    assert "estimé par un modèle, non mesuré </span><data" in rows["tri-courriels"]


@pytest.mark.parametrize("render", [overview_html, statement_html])
def test_without_a_factor_gases_are_unknown_not_zero(render):
    """No factor: no mass anywhere, the word for unknown, and what to do."""
    struct = (OVERVIEWS if render is overview_html else STATEMENTS)["no-factor"]
    page = Reader(render(struct, "fr"))
    of_use = [pointer for pointer in page.values if not re.match("/(embodied|sci)/", pointer)]
    assert not any(pointer.endswith("emissions_ug") for pointer in of_use)
    assert "aucun facteur d’émission ne s’applique" in page.text
    assert "Le registre n’en contient pas pour la zone France." in page.text
    assert "footprint import factors FILE.csv" in page.text


def test_without_data_the_first_page_says_what_to_do():
    """No host: no figure is shown, and the steps to get one are."""
    page = Reader(overview_html(OVERVIEWS["empty"], "fr"))
    assert not any("energy_uj" in pointer for pointer in page.values)
    assert "footprint-agent run --sia CODE -- COMMAND" in page.text


def test_a_day_without_pages_is_unknown_not_zero():
    """Hosts that have sent nothing since midnight give no figure of zero."""
    page = Reader(overview_html(OVERVIEWS["today-unknown"], "fr"))
    assert not any("energy_uj" in pointer for pointer in page.values)
    assert "La consommation est inconnue, et non nulle" in page.text


def test_a_month_without_pages_is_unknown_not_zero():
    """A statement without lines shows no figure of zero."""
    page = Reader(statement_html(STATEMENTS["empty"], "fr"))
    assert not any("energy_uj" in pointer for pointer in page.values)
    assert "La consommation est inconnue" in page.text


def test_power_is_unknown_where_one_consumers_is():
    """A total over an unknown power is unknown, not the sum of the rest (no host is silent)."""
    one = OVERVIEWS["normal"]
    first = msgspec.structs.replace(one.consumers[0], power_uw=None)
    consumers = [first, *one.consumers[1:]]
    hosts = [msgspec.structs.replace(host, silent=False) for host in one.hosts]
    page = overview_html(overview(consumers=consumers, hosts=hosts), "en")
    foot = page[page.index("<tfoot>") : page.index("</tfoot>")]
    assert "unknown" in foot


def test_addresses_keep_page_scope_and_language():
    """The other language, the formats and the month lead where they say."""
    page = Reader(statement_html(STATEMENTS["closed"], "fr"))
    hrefs = {found["href"] for found in page.all("a")}
    assert "?project=albert&format=html&lang=en" in hrefs
    assert {"?project=albert&format=json", "?project=albert&format=csv"} <= hrefs
    hrefs = {found["href"] for found in Reader(overview_html(OVERVIEWS["normal"], "en")).all("a")}
    assert {"?lang=fr", "/v1/overview", "/v1/statements/2026-11?format=html&lang=en"} <= hrefs


def test_closed_and_open_statements_are_told_apart():
    """Only a closed statement calls its figures final."""
    assert "définitifs" in statement_html(STATEMENTS["closed"], "fr")
    assert "définitifs" not in statement_html(statement(), "fr")
    assert "Relevé non clos" in statement_html(statement(), "fr")


def test_quarantined_pages_are_counted_in_words():
    """One page and several have their own sentence."""
    assert "1 envoi d’une machine est conservé" in overview_html(
        overview(quarantined_pages=1), "fr"
    )
    assert "2 envois de machines sont conservés" in overview_html(
        overview(quarantined_pages=2), "fr"
    )
