"""Signing in with a real browser: by keyboard, by the provider, accessible, and out again."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext

from footprint.service.roles import Role
from tests.portal.browsing import AXE
from tests.service import entry
from tests.service.house import House
from tests.service.test_oidc import provided
from tests.service.test_sign_in import PASSWORD, add

VIEWS = [(1280, "light"), (320, "dark")]


@pytest.fixture(params=VIEWS, ids=lambda view: f"{view[0]}-{view[1]}")
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A browser of nobody's yet, in French."""
    width, scheme = request.param
    view = {"width": width, "height": 900}
    found = browser.new_context(viewport=view, color_scheme=scheme, locale="fr-FR")
    yield found
    found.close()


def test_a_person_signs_in_by_keyboard_and_out_again(
    context: BrowserContext, tmp_path: Path
) -> None:
    """From a page that needs it and back to it; a wrong password is said and can be mended."""
    with House(tmp_path / "f.db", datetime.now(UTC), **entry.SETTINGS) as house:
        entry.furnish(house)
        add(house, "lectrice", Role.READER)
        page = context.new_page()
        page.goto(f"{house.address}/")
        assert page.url.endswith("/sign-in?to=%2F")
        assert page.title().startswith("Se connecter")
        assert accessible(page) == ""
        for password in ("un autre mot de passe", PASSWORD):
            page.focus("#login")
            page.keyboard.type("lectrice")
            page.keyboard.press("Tab")
            page.keyboard.type(password)
            with page.expect_navigation():
                page.keyboard.press("Enter")
            if password != PASSWORD:
                assert page.get_by_role("alert").is_visible()
                assert accessible(page) == ""
        assert page.url == f"{house.address}/"
        page.get_by_role("link", name="Mon compte").click()
        assert page.get_by_text("lire tous les chiffres").is_visible()
        assert accessible(page) == ""
        page.get_by_role("button", name="Se déconnecter").click()
        page.wait_for_url("**/sign-in")
        page.goto(f"{house.address}/")
        assert page.url.endswith("/sign-in?to=%2F")


def test_a_person_signs_in_at_the_provider(context: BrowserContext, tmp_path: Path) -> None:
    """To the provider's site and back, with the cookies and policies that a browser holds to."""
    with provided(tmp_path) as (house, _):
        page = context.new_page()
        page.goto(f"{house.address}/account")
        assert accessible(page) == ""
        page.get_by_role("link", name="Se connecter avec le compte du ministère").click()
        page.wait_for_url("**/account")
        assert page.get_by_text("agent-1@example.org").is_visible()
        assert page.get_by_text("Rien pour l’instant").is_visible()
        kept = {one["name"]: one for one in context.cookies(house.address)}
        assert kept["footprint"]["httpOnly"]
        assert "footprint-begun" not in kept
        page.get_by_role("button", name="Se déconnecter").click()
        page.wait_for_url("**/session/end?*")
        assert "id_token_hint" in page.url


def accessible(page) -> str:  # type: ignore[no-untyped-def]
    """What axe finds, and whether the page scrolls sideways."""
    results = Axe().run(page, options=AXE)
    width = page.evaluate("innerWidth")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    return results.generate_report() if results.violations_count else ""
