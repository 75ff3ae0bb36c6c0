"""Without a token, a web site in this machine's browser can neither read nor write."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from footprint.service.settings import digest
from tests.pages import batch, make_ledger
from tests.service.house import House

NAMES = ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "10.0.0.1", "[::"]


@pytest.mark.parametrize("host", NAMES)
def test_another_host_s_name_is_refused(house: House, host: str) -> None:
    """421 with the remedy, reading and writing; nothing is stored."""
    for answer in (
        house.get("/v1/overview", Host=host),
        house.post_bytes(batch(make_ledger(1)), Host=host),
    ):
        assert answer.status_code == 421
        assert "ask for 127.0.0.1 or localhost" in answer.json()["detail"]
    assert not house.content()["page"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8787", "[::1]:80"])
def test_this_machine_s_names_are_served(house: House, host: str) -> None:
    """At any port: a tunnel may change it."""
    assert house.get("/v1/overview", Host=host).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_a_page_of_another_site_may_not_write(house: House, origin: str) -> None:
    """403; a page of the service itself may."""
    body = batch(make_ledger(1))
    assert house.post_bytes(body, Origin=origin).status_code == 403
    assert not house.content()["page"]
    assert house.post_bytes(body, Origin=house.address).status_code == 200


def test_with_a_token_the_host_is_a_proxy_s_matter(tmp_path: Path) -> None:
    """The token decides."""
    now = datetime(2026, 11, 10, tzinfo=UTC)
    with House(tmp_path / "f.db", now, token_sha256=digest("x" * 22)) as house:
        shown = {"Host": "footprint.example", "Authorization": f"Bearer {'x' * 22}"}
        assert house.get("/v1/overview", **shown).status_code == 200
