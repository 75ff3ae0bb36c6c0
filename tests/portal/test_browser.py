"""The pages in a real browser: accessible by axe, whole without JavaScript, no sideways scroll."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from footprint.portal.budget_pages import budgets_html, burn_html
from footprint.portal.languages import LANGUAGES
from footprint.portal.render import overview_html, statement_html, trend_html
from tests.portal.browsing import AXE
from tests.portal.budget_example import BURNS, LISTS
from tests.portal.examples import AT, OVERVIEWS, STATEMENTS, TRENDS
from tests.portal.site import site

NAMES = [
    "overview-normal",
    "statement-normal",
    "statement-outside",
    "trend-normal",
    "budget-normal",
]
UGLY = [
    "overview-hostile",
    "statement-hostile",
    "overview-empty",
    "statement-empty",
    "budget-hostile",
    "budgets-hostile",
]
UNUSUAL = [
    "overview-no-factor",
    "overview-modelled",
    "budget-unknown",
    "budget-tokens",
    "budgets-empty",
]
VIEWS = [(1280, "light"), (320, "light"), (1280, "dark"), (320, "dark")]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address under which every example is served, as `/overview-normal-fr`."""
    pages = {
        f"/{kind}-{name}-{lang}": render(one, lang=lang)
        for kind, render, examples in (
            ("overview", overview_html, OVERVIEWS),
            ("statement", statement_html, STATEMENTS),
            ("trend", trend_html, TRENDS),
            ("budget", burn_html, BURNS),
            ("budgets", partial(budgets_html, at=AT), LISTS),
        )
        for name, one in examples.items()
        for lang in LANGUAGES
    }
    with site(pages) as base:
        yield base


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of `width` and colour scheme; what the console says fails the test."""
    width, scheme = getattr(request, "param", (1280, "light"))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    yield page
    context.close()
    assert said == []


every_view = pytest.mark.parametrize(
    "page", VIEWS, indirect=True, ids=[f"{width}-{scheme}" for width, scheme in VIEWS]
)


@every_view
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing(page: Page, address: str, name: str, lang: str) -> None:
    """axe finds no violation of WCAG 2.1 A and AA nor of its own good practice."""
    page.goto(f"{address}/{name}-{lang}")
    results = Axe().run(page, options=AXE)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("name", [*UGLY, *UNUSUAL])
def test_axe_finds_nothing_on_unusual_pages(page: Page, address: str, name: str) -> None:
    """Nor does it on the empty, hostile, modelled and factorless ones."""
    page.goto(f"{address}/{name}-fr")
    results = Axe().run(page, options=AXE)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("page", [(320, "light")], indirect=True)
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", [*NAMES, *UGLY])
def test_nothing_scrolls_sideways_at_320_pixels(
    page: Page, address: str, name: str, lang: str
) -> None:
    """The page fits 320 pixels; only tables scroll, each in its own region."""
    page.goto(f"{address}/{name}-{lang}")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.evaluate("document.body.scrollWidth") <= 320


@pytest.mark.parametrize("page", [(320, "light")], indirect=True)
@pytest.mark.parametrize("name", NAMES)
def test_every_table_is_reached_by_keyboard(page: Page, address: str, name: str) -> None:
    """A table that scrolls takes focus, has a name, and shows the focus."""
    page.goto(f"{address}/{name}-fr")
    regions = page.get_by_role("region").filter(has=page.locator("> table")).all()
    assert len(regions) == page.locator("table").count()
    for region in regions:
        region.focus()
        assert region.evaluate("e => document.activeElement === e")
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_the_first_tab_stop_skips_to_the_content(page: Page, address: str) -> None:
    """The skip link is the first stop, shows itself, and moves the focus to the content."""
    page.goto(f"{address}/overview-normal-fr")
    page.keyboard.press("Tab")
    box = page.locator(".skip").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("name", NAMES)
def test_everything_shows_without_javascript(browser: Browser, address: str, name: str) -> None:
    """A browser that runs no script shows every figure and loads the style sheet."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    loaded: list[tuple[str, int]] = []
    page.on("response", lambda response: loaded.append((response.url, response.status)))
    page.goto(f"{address}/{name}-fr")
    figures = page.locator("data")
    assert figures.count() > 20
    assert all(figure.is_visible() for figure in figures.all())
    assert any("/static/portal.css" in url for url, _ in loaded)
    assert {status for _, status in loaded} == {200}
    context.close()


@every_view
def test_a_statement_kept_as_a_file_is_whole(page: Page, tmp_path: Path) -> None:
    """Opened from the disk it is styled, asks for nothing else, and axe finds nothing."""
    file = tmp_path / "statement.html"
    file.write_text(statement_html(STATEMENTS["normal"], "fr", alone=True), encoding="utf-8")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    results = Axe().run(page, options=AXE)
    assert results.violations_count == 0, results.generate_report()
    assert asked == [file.as_uri()]
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") == "6px"


@pytest.mark.parametrize("name", NAMES)
def test_print_shows_whole_tables(page: Page, address: str, name: str) -> None:
    """On an A4 sheet no table is cut: nothing is left to scroll."""
    page.set_viewport_size({"width": 680, "height": 1000})  # 180 mm at 96 dpi
    page.emulate_media(media="print")
    page.goto(f"{address}/{name}-fr")
    widths = page.locator(".scroll").evaluate_all(
        "all => Object.fromEntries(all.map(e => [e.querySelector('table').id, e.scrollWidth]))"
    )
    assert [table for table, width in widths.items() if width > 680] == []
    assert not page.locator(".skip").is_visible()
