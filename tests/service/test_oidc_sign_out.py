"""Signing out here, and at the provider."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs

import httpx

from tests.provider.running import claims_of
from tests.service.test_oidc import arrive, provided


def test_who_signs_out_here_is_led_to_sign_out_there(tmp_path: Path) -> None:
    """With the token by which the provider knows whom; once, and not while they are signed in."""
    with provided(tmp_path) as (house, provider), httpx.Client() as browser:
        browser.get(arrive(house, browser))
        answer = browser.post(f"{house.address}/sign-out", headers={"Origin": house.address})
        assert answer.headers["location"] == "/sign-out/provider"
        page = browser.get(f"{house.address}/sign-out/provider?lang=fr")
        assert "Se déconnecter aussi du compte du ministère" in page.text
        found = re.search(r'class="button" href="([^"]+)"', page.text)
        assert found is not None
        where = httpx.URL(unescape(found[1]))
        assert str(where).startswith(f"{provider.issuer}/session/end?")
        told = parse_qs(where.query.decode())
        assert claims_of(told["id_token_hint"][0])["sub"] == "agent-1"
        assert told["post_logout_redirect_uri"] == [f"{house.address}/sign-in"]
        asked = browser.get(where)  # the provider takes the token and the address, and asks
        assert asked.status_code == 200
        assert "xsrf" in asked.text
        again = browser.get(f"{house.address}/sign-out/provider")
        assert (again.status_code, again.headers["location"]) == (303, "/sign-in")
        wrong = where.copy_set_param("post_logout_redirect_uri", "https://evil.example")
        assert browser.get(wrong).status_code == 400
