"""A house that asks who is there, and somebody of each role."""

from collections.abc import Iterable
from typing import Any

import httpx

from footprint.interval import to_us
from footprint.service import access, accounts
from footprint.service.roles import GIVEN, Rights, Role
from footprint.service.settings import digest
from tests.service.house import House

OPERATOR = "an operator's token for tests"
SETTINGS: dict[str, Any] = {"token_sha256": digest(OPERATOR)}
PROJECT, OTHER = "assistance", "courrier-z"
"""The project of the owner, and one that they must never learn of."""
SIA, OTHER_SIA = "chat-demo", "tri-z"


def shown(token: str | None) -> dict[str, str]:
    """The header that shows a token, nothing for None."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def furnish(house: House) -> None:
    """Two directorates, a project of each, a SIA of each and one that they share."""
    house.client.headers.update(shown(OPERATOR))
    shares = [{"project": PROJECT, "permille": 400}, {"project": OTHER, "permille": 600}]
    for path, content in (
        ("directorates/dsi", {"name": "DSI"}),
        ("directorates/autre-z", {"name": "Autre-z"}),
        (f"projects/{PROJECT}", {"name": "Assistance", "directorate": "dsi"}),
        (f"projects/{OTHER}", {"name": "Courrier-z", "directorate": "autre-z"}),
        (f"sia/{SIA}", {"name": "Chat", "shares": [{"project": PROJECT, "permille": 1000}]}),
        (f"sia/{OTHER_SIA}", {"name": "Tri-z", "shares": [{"project": OTHER, "permille": 1000}]}),
        ("sia/commun", {"name": "Commun", "shares": shares}),
    ):
        answer = house.put(f"/v1/{path}", content)
        assert answer.is_success, answer.text


def token_of(house: House, role: Role | None, projects: Iterable[str] = (PROJECT,)) -> str:
    """A token of a role, of none for None; a meter's is that of host-1."""
    now_us = to_us(house.now)
    with house.app.state.footprint.store.write() as connection:
        if role is Role.METER:
            code = access.make_code(connection, "host-1", access.US_PER_DAY, now_us)
            return access.enrol(connection, code.text, "host-1", "0" * 64, now_us)[0].text
        rights = Rights(
            frozenset({role} if role else ()),
            frozenset(projects if role is Role.OWNER else ()),
        )
        return accounts.make_program(connection, str(role), rights, now_us)[1].text


def tokens(house: House) -> dict[str, str | None]:
    """One of each role, of an account without any, and None of whoever shows nothing."""
    found: dict[str, str | None] = {role.value: token_of(house, role) for role in GIVEN}
    found |= {"meter": token_of(house, Role.METER), "none": token_of(house, None)}
    return {**found, "nobody": None}


def client(house: House, token: str | None = None) -> httpx.Client:
    """Somebody with a token and nothing else: no cookie, no operator's header."""
    return httpx.Client(base_url=house.address, headers=shown(token), timeout=60)
