"""SQL, NUL and characters that turn text about, in every string that a stranger may send."""

from urllib.parse import quote

from tests.pages import LEDGER, make_ledger
from tests.service.house import House

SQL = ["'; DROP TABLE page; --", '" OR 1=1 --', "x' UNION SELECT sha256 FROM host_token --", "%_\\"]
UNSHOWN = ["a\0b", "a\u202eb", "a\u2066b", "a\u200fb", "a\nb", "\x7f", "a\x9bb", "\u2028", ""]
PATHS = [
    "/v1/ledgers/{}",
    "/v1/ledgers/{}/" + LEDGER,
    "/v1/ledgers/host-1/{}",
    "/v1/ledgers/host-1/{}/pages/0",
    "/v1/ledgers?cursor={}/",
    "/v1/usage/ledgers/{}/" + LEDGER,
    "/v1/sia?cursor={}",
    "/v1/sia/{}",
    "/v1/statements/{}",
    "/v1/statements/2026-11?sia={}",
    "/v1/statements/2026-11?project={}",
    "/v1/statements/2026-11?format={}",
    "/v1/servers/{}/efficiency?month=2026-11",
    "/?lang={}",
    "/static/{}",
]


def test_no_string_in_an_address_does_anything(house: House) -> None:
    """It names nothing, or is refused; nothing fails, nothing is gone."""
    house.post(make_ledger(1))
    before = house.content()
    for text in (*SQL, *UNSHOWN):
        for path in PATHS:
            answer = house.get(path.format(quote(text, safe="")))
            assert answer.status_code in (200, 307, 400, 404, 422), (path, text)
    assert house.content() == before


def test_sql_in_a_name_is_a_name(house: House) -> None:
    """Kept as it is, and shown as it is; in a code's place it is no code."""
    for text in SQL:
        assert house.put("/v1/directorates/dsi", {"name": text}).status_code == 200
        assert house.get("/v1/directorates/dsi").json()["name"] == text
        address = f"/v1/directorates/{quote(text, safe='')}"
        assert house.put(address, {"name": "X"}).status_code in (404, 422)


def test_a_name_that_does_not_show_as_it_is_is_refused(house: House) -> None:
    """422; a unit too."""
    for text in UNSHOWN:
        directorate = house.put("/v1/directorates/dsi", {"name": text})
        sia = house.put("/v1/sia/chat", {"name": "Chat", "unit": text})
        assert (directorate.status_code, sia.status_code) == (422, 422), text
    assert house.content()["directorate"] == house.content()["sia"] == []
