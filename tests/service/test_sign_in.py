"""Local accounts: signing in and out with a browser's cookie, and what keeps others out."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from footprint.interval import to_us
from footprint.service import accounts, store_audit
from footprint.service.place import Place
from footprint.service.roles import Rights, Role
from footprint.service.sign_in import safe
from tests.service import entry
from tests.service.conftest import FIRST_START, NOW
from tests.service.house import House

PASSWORD = "quatre mots pour entrer"
FORM = {"login": "officer", "password": PASSWORD}


@pytest.fixture(name="asking")
def make_asking(database: Place) -> Iterator[House]:
    """A house with one account, of an officer."""
    settings = {**entry.SETTINGS, "refusals_per_minute_per_address": 1000}
    with House(database, FIRST_START, **settings) as house:
        house.now = NOW
        add(house, "officer", Role.OFFICER)
        yield house


def add(house: House, login: str, *roles: Role) -> str:
    """Make a local account."""
    with house.app.state.footprint.store.write() as connection:
        rights = Rights(frozenset(roles))
        made = accounts.make_local(connection, login, PASSWORD, rights, to_us(house.now))
        return made.account_id


def sign_in(house: House, browser: httpx.Client, **form: str) -> httpx.Response:
    """Send the page's form, as the page's browser does."""
    headers = {"Origin": house.address}
    return browser.post(f"{house.address}/sign-in", data={**FORM, **form}, headers=headers)


def put(house: House, browser: httpx.Client, **headers: str) -> int:
    """Change the register with a browser's cookie."""
    path = f"{house.address}/v1/directorates/dsi"
    return browser.put(path, json={"name": "DSI"}, headers=headers).status_code


def test_a_password_lets_in_for_a_working_day(asking: House) -> None:
    """The cookie is the browser's alone; it ends after two idle hours, and after twelve at most."""
    with httpx.Client() as browser:
        answer = sign_in(asking, browser, to="/account")
        assert (answer.status_code, answer.headers["location"]) == (303, "/account")
        cookie = answer.headers["set-cookie"]
        for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"):
            assert part in cookie
        assert "Secure" not in cookie  # no TLS here
        for _ in range(7):
            asking.now += timedelta(minutes=100)
            assert browser.get(f"{asking.address}/v1/overview").status_code == 200
        asking.now += timedelta(minutes=21)
        assert browser.get(f"{asking.address}/v1/overview").status_code == 401
        sign_in(asking, browser)
        asking.now += timedelta(hours=2)
        assert browser.get(f"{asking.address}/v1/overview").status_code == 401


def test_behind_tls_the_cookie_is_held_to_the_host(asking: House) -> None:
    """`__Host-` and Secure, where the proxy of this machine says https."""
    headers = {"Origin": "https://f.example", "Host": "f.example", "X-Forwarded-Proto": "https"}
    answer = httpx.post(f"{asking.address}/sign-in", data=FORM, headers=headers)
    assert answer.headers["set-cookie"].startswith("__Host-footprint=fps_")
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "form",
    [{"password": "another one"}, {"login": "nobody"}, {"password": ""}, {"login": "é'\x00"}],
)
def test_what_is_wrong_is_not_told_apart(asking: House, form: dict[str, str]) -> None:
    """Login or password: one page, no cookie, the form asks again in the reader's language."""
    with httpx.Client(headers={"Accept-Language": "en"}) as browser:
        answer = sign_in(asking, browser, **form)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert "do not go together" in answer.text
        assert browser.get(f"{asking.address}/v1/me").json()["kind"] == "nobody"
        assert answer.text == sign_in(asking, browser, login="nobody-else").text


def test_an_account_s_password_is_not_tried_for_long(asking: House) -> None:
    """Ten times, then once a minute, also the right one, wherever it comes from; others go on."""
    add(asking, "other", Role.READER)
    with httpx.Client() as browser:
        statuses = [sign_in(asking, browser, password="wrong").status_code for _ in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        assert sign_in(asking, browser).status_code == 429
        assert sign_in(asking, browser, login="OTHER ").status_code == 303


def test_another_site_s_page_may_neither_sign_in_nor_write(asking: House) -> None:
    """By its Origin, or where a writing request has none; reading is what a link does too."""
    with httpx.Client() as browser:
        for origin in ("https://evil.example", "null", ""):
            answer = browser.post(
                f"{asking.address}/sign-in", data=FORM, headers={"Origin": origin}
            )
            assert answer.status_code == 403
        sign_in(asking, browser)
        assert put(asking, browser) == 403
        assert put(asking, browser, Origin="https://evil.example") == 403
        assert put(asking, browser, Origin="null") == 403
        assert put(asking, browser, Origin=asking.address) == 200
        signed_out = browser.post(f"{asking.address}/sign-out", headers={"Origin": "https://e.e"})
        assert signed_out.status_code == 403
        assert browser.get(f"{asking.address}/v1/me").json()["kind"] == "person"


def test_signing_out_ends_the_cookie_itself(asking: House) -> None:
    """Not only in the browser: whoever copied it is out too."""
    with httpx.Client() as browser, httpx.Client() as thief:
        sign_in(asking, browser)
        thief.cookies.update(browser.cookies)
        assert thief.get(f"{asking.address}/v1/me").json()["kind"] == "person"
        answer = browser.post(f"{asking.address}/sign-out", headers={"Origin": asking.address})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        for one in (browser, thief):
            assert one.get(f"{asking.address}/v1/me").json()["kind"] == "nobody"


def test_a_cookie_that_is_made_up_is_nobody_s(asking: House) -> None:
    """Another secret under a real public part, and forms of every kind."""
    with httpx.Client() as browser:
        sign_in(asking, browser)
        real = browser.cookies["footprint"]
    for made_up in (real[:-1] + ("A" if real[-1] != "A" else "B"), real[:20], "x", "fps_" * 1000):
        answer = httpx.get(f"{asking.address}/v1/me", headers={"Cookie": f"footprint={made_up}"})
        assert answer.json()["kind"] == "nobody"


def test_a_person_s_page_leads_to_the_sign_in_and_back(asking: House) -> None:
    """303 for a browser that asks for a page, 401 for a program; the language stays."""
    path = "/v1/statements/2026-11?format=html&lang=en"
    answer = asking.get(path, Accept="text/html,*/*")
    assert answer.status_code == 303
    location = answer.headers["location"]
    assert location.startswith("/sign-in?to=%2Fv1%2Fstatements%2F2026-11%3Fformat%3Dhtml")
    assert location.endswith("&lang=en")
    assert "Sign in" in asking.get(location).text
    assert asking.get(path, Accept="application/json").status_code == 401
    assert asking.get("/account", Accept="text/html").status_code == 303


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "evil",
        "",
        "/a\nb",
        "\t//e",
        "/" * 2000,
    ],
)
def test_after_signing_in_one_stays_here(asking: House, to: str) -> None:
    """No address of another site, however it is written."""
    assert safe(to) == "/"
    with httpx.Client() as browser:
        assert sign_in(asking, browser, to=to).headers["location"] == "/"


def test_who_signed_in_is_in_the_log(asking: House) -> None:
    """By the account's number: neither its login nor a password, right or wrong."""
    with httpx.Client() as browser:
        sign_in(asking, browser, password="a wrong one for this")
        sign_in(asking, browser)
        put(asking, browser, Origin=asking.address)
        browser.post(f"{asking.address}/sign-out", headers={"Origin": asking.address})
    with asking.app.state.footprint.store.read() as connection:
        found = list(store_audit.lines(connection))
    told = [(line.action, line.outcome) for line in found]
    assert told == [
        ("sign in", "refused: wrong password"),
        ("sign in", "done"),
        ("register directorates dsi", "done"),
        ("sign out", "done"),
    ]
    assert len({line.actor for line in found}) == 1
    assert found[0].actor.startswith("fpa_")
    assert not any("officer" in repr(line) or "wrong one" in repr(line) for line in found)


def test_the_database_keeps_no_secret(asking: House) -> None:
    """Neither the password nor the cookie's: digests, Argon2id for what people choose."""
    with httpx.Client() as browser:
        sign_in(asking, browser)
        cookie = browser.cookies["footprint"]
    held = repr(asking.content())
    assert PASSWORD not in held
    assert cookie not in held
    assert cookie[:20] in held
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in held


def test_the_first_account_closes_the_house(tmp_path: Any) -> None:
    """What every program of this machine might do, only who signs in may from then on."""
    with House(tmp_path / "f.db", NOW) as house:
        assert house.put("/v1/directorates/dsi", {"name": "A"}).status_code == 200
        assert "asks for no sign-in" in house.get("/account?lang=en").text
        add(house, "administrator", Role.ADMINISTRATOR)
        assert house.app.state.footprint.persons.look()
        assert house.put("/v1/directorates/dsi", {"name": "B"}).status_code == 401
        assert house.get("/v1/overview").status_code == 401
        assert house.get("/livez").status_code == 200


def test_the_account_s_page_says_what_it_may(asking: House) -> None:
    """Label, number and rights; the number to give to an administrator where there is none."""
    add(asking, "new")
    with httpx.Client() as browser:
        sign_in(asking, browser)
        page = browser.get(f"{asking.address}/account?lang=en").text
        assert "officer" in page
        assert "change the register, the sites and the budgets" in page
        sign_in(asking, browser, login="new")
        assert "Nothing yet" in browser.get(f"{asking.address}/account?lang=en").text


def test_an_owner_s_first_page_is_that_of_their_projects(asking: House) -> None:
    """With links to the statements of these."""
    entry.furnish(asking)
    account = add(asking, "owner")
    rights = {"label": "owner", "roles": ["owner"], "projects": [entry.PROJECT]}
    assert asking.put(f"/v1/accounts/{account}", rights).is_success
    with httpx.Client(follow_redirects=True) as browser:
        page = sign_in(asking, browser, login="owner")
        assert page.url.path == "/account"
        link = f"/v1/statements/2026-11?project={entry.PROJECT}&amp;format=html"
        assert link in page.text
        shown = browser.get(f"{asking.address}{link.replace('&amp;', '&')}")
        assert shown.status_code == 200
        assert "Assistance" in shown.text
