"""The headers that every answer carries, whatever it is; and a browser that shows the page."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import sync_playwright

from footprint.service.settings import digest
from tests.pages import batch, make_ledger
from tests.portal.browsing import FLAGS
from tests.service import wire
from tests.service.house import House
from tests.tools import require_tool

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


def every_answer(house: House) -> list[httpx.Response]:
    """Pages for people, figures, static files, and one error of each making."""
    house.post(make_ledger(1))
    good = ["/", "/method", "/static/portal.css", "/metrics", "/openapi.json", "/livez",
            "/v1/statements/2026-11", "/v1/statements/2026-11?format=html",
            "/v1/statements/2026-11?format=csv", "/v1/ledgers"]  # fmt: skip
    bad = ["/nowhere", "/static/nowhere", "/v1/statements/2026-13", "/v1/ledgers?limit=x"]
    answers = [house.get(path) for path in good + bad]
    answers.append(house.post_bytes(b"{"))
    answers.append(house.client.delete("/v1/pages"))
    answers.append(house.get("/", Host="evil.example"))
    answers.append(house.get("/static/portal.css", Range="bytes=0-3"))
    house.execute("DROP TABLE factor")
    answers.append(house.get("/v1/statements/2026-11"))
    assert answers[-1].status_code == 500
    return answers


def check(headers: httpx.Headers) -> None:
    """Nothing from elsewhere runs, nobody frames it, no type is guessed, nobody is told."""
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers
    assert "x-powered-by" not in headers
    assert len(headers.get_list("content-security-policy")) == 1


def test_every_answer_carries_them(house: House) -> None:
    """Also those that no route has made."""
    for answer in every_answer(house):
        check(answer.headers)
        assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    "request_", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 99999]
)
def test_what_is_no_http_is_answered_with_them(house: House, request_: bytes) -> None:
    """In the one shape of errors."""
    head, _, body = wire.ask(house, request_).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    assert first == "HTTP/1.1 400 Bad Request"
    headers = httpx.Headers([tuple(line.split(": ", 1)) for line in lines])
    check(headers)
    assert headers["content-type"] == "application/problem+json"
    assert int(headers["content-length"]) == len(body)


def test_under_tls_a_browser_stays_there(house: House) -> None:
    """As this machine's proxy says; nobody else is believed."""
    answer = house.get("/nowhere", **{"X-Forwarded-Proto": "https"})
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_nobody_is_believed_but_the_proxies_that_are_named(tmp_path: Path) -> None:
    """What another says of itself changes nothing."""
    with House(tmp_path / "f.db", NOON, proxies=("192.0.2.1",)) as house:
        answer = house.get("/nowhere", **{"X-Forwarded-Proto": "https"})
        assert "strict-transport-security" not in answer.headers


def test_a_browser_shows_the_first_page(house: House) -> None:
    """With its style, and nothing that the policy would have had to stop."""
    path = require_tool("chromium")
    house.post(make_ledger(1))
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("requestfailed", lambda request: said.append(request.url))
        answer = page.goto(house.address + "/?lang=en")
        assert answer is not None
        assert answer.status == 200
        assert page.locator("h1").is_visible()
        sheets = "[...document.styleSheets].map(sheet => sheet.cssRules.length)"
        assert all(count > 10 for count in page.evaluate(sheets))
        browser.close()
    assert not [line for line in said if "favicon" not in line]


def test_no_secret_is_in_an_error(tmp_path: Path) -> None:
    """Neither the token sent nor the one expected, in any answer to a refused request."""
    token = "an-operator-s-token-that-nobody-sees"
    with House(tmp_path / "f.db", NOON, token_sha256=digest(token)) as house:
        sent = "another-token-that-nobody-should-see"
        answer = house.post_bytes(batch(make_ledger(1)), Authorization=f"Bearer {sent}")
        assert answer.status_code == 401
        for secret in (sent, token, digest(token).hex()):
            assert secret not in answer.text + str(answer.headers)


@pytest.mark.parametrize("path", ["/", "/livez", "/version", "/v1/statements/2026-11", "/nowhere"])
def test_head_is_get_without_its_body(house: House, path: str) -> None:
    """RFC 9110, 9.3.2: the same status and headers, but for the time that they were made."""
    got, headed = house.get(path), house.client.head(path)
    assert (headed.status_code, headed.content) == (got.status_code, b"")
    given = [{**answer.headers, "date": ""} for answer in (got, headed)]
    assert given[0] == given[1]
