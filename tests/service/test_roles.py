"""Every route and every role: who is let in, who is not, and what an owner never learns."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from footprint.service.app import ROUTERS
from footprint.service.openapi import COMMITTED
from footprint.service.place import Place
from footprint.service.roles import GIVEN, POLICY, Role, check, who_may
from tests import usage_pages
from tests.pages import make_ledger
from tests.service import entry
from tests.service.entry import OTHER, OTHER_SIA, PROJECT, SIA
from tests.service.house import House

NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
MATRIX = Path(__file__).parent / "roles.txt"
ROLES = (*GIVEN, Role.METER)
BODIES: dict[str, Any] = {
    "directorates": {"name": "D"},
    "projects": {"name": "P", "directorate": "dsi"},
    "sia": {"name": "S"},
    "servers": {"name": "S"},
    "sites": {"name": "S"},
    "hardware": {
        "name": "H",
        "from": "2026-01-01",
        "parts": [{"part": "server/ordinary", "count": 1}],
    },
    "externals": {"name": "E", "provider": "openai", "models": {"a": "gpt-4o"}},
    "budgets": {
        "name": "B",
        "project": PROJECT,
        "indicator": "energy",
        "period": "2026",
        "amount": "1",
    },
    "accounts": {"label": "other", "roles": ["reader"]},
}
ROUTES = [route for router in ROUTERS for route in router.routes]
OPERATIONS = [
    (method.upper(), path, set(operation["x-footprint-roles"]))
    for path, operations in json.loads(COMMITTED.read_bytes())["paths"].items()
    for method, operation in operations.items()
]


@pytest.fixture(name="asking")
def make_asking(database: Place) -> Iterator[House]:
    """A house that asks who is there, with energy and usage of two projects."""
    settings = {**entry.SETTINGS, "refusals_per_minute_per_address": 1000}
    with House(database, datetime(2026, 1, 1, tzinfo=UTC), **settings) as house:
        house.now = NOW
        entry.furnish(house)
        served = usage_pages.SERVER
        assert house.put(f"/v1/servers/{served}", {"name": "Albert"}).is_success
        consumers = {SIA: 300, OTHER_SIA: 500, "commun": 200, "@idle": 100, served: 900}
        assert house.post(make_ledger(4, consumers=consumers)).is_success
        told = usage_pages.make_ledger(4, tokens={SIA: (10, 20), OTHER_SIA: (30, 40)})
        assert house.tell(told).is_success
        for code, of in (("mine", PROJECT), ("theirs-z", OTHER)):
            assert house.put(f"/v1/budgets/{code}", BODIES["budgets"] | {"project": of}).is_success
        yield house


def test_the_matrix_is_the_one_that_was_agreed() -> None:
    """A route that is added, or a role that is given one, shows as a change of a file that people
    read."""
    lines = [
        f"{method} {path}: {'everybody' if who.everybody else ' '.join(sorted(who.roles))}"
        for (method, path), who in sorted(POLICY.items(), key=lambda item: item[0][::-1])
    ]
    assert MATRIX.read_text(encoding="utf-8").splitlines() == lines
    check(ROUTES)
    told = {f"{method} {path}": roles for method, path, roles in OPERATIONS}
    for (method, path), who in POLICY.items():
        if f"{method} {path}" in told:
            expected = {"everybody"} if who.everybody else set(who.roles)
            assert told[f"{method} {path}"] == expected


def test_what_the_table_lacks_is_nobody_s() -> None:
    """Default deny; and the service does not start."""
    who = who_may("GET", "/v1/secrets")
    assert not who.roles
    assert not who.everybody
    with pytest.raises(RuntimeError, match="without a route"):
        check(ROUTES[1:])


def test_a_route_that_asks_nobody_who_they_are_is_refused() -> None:
    """One that is no part of the API, wherever it hangs: the service does not start."""
    files = PlainTextResponse("x")
    for more in (Route("/hidden", files), Mount("/files", files)):
        with pytest.raises(RuntimeError, match=r"without a rule: \[\('\*', '/(hidden|files)'\)\]"):
            check([*ROUTES, more])


def _filled(path: str, account: str) -> str:
    for name, value in {
        "host_id": "host-1",
        "ledger_id": "00000000-0000-4000-8000-000000000001",
        "seq": "0",
        "code": SIA if path.startswith("/v1/sia") else "dsi",
        "month": "2026-11",
        "day": "2026-11-10",
        "account_id": account,
    }.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def _ask(client: httpx.Client, method: str, path: str, account: str) -> httpx.Response:
    list_ = path.split("/")[2] if path.count("/") > 1 else ""
    body = BODIES.get(list_) if method == "PUT" else {} if method == "POST" else None
    query = {"project": PROJECT} if path in ("/v1/statements/{month}", "/v1/trend") else {}
    return client.request(method, _filled(path, account), json=body, params=query)


@pytest.mark.parametrize("who", [*ROLES, "none", "nobody"])
def test_every_route_lets_in_whom_it_says(asking: House, who: str) -> None:
    """Each operation of the document, asked by each: what is given is neither 401 nor 403, what is
    not is 401 for who shows nothing and 403 for who has another role; and nothing changes."""
    token = entry.tokens(asking)[who]
    account = (entry.token_of(asking, None))[:20]
    before = _content(asking)
    with entry.client(asking, token) as client:
        for method, path, roles in OPERATIONS:
            if path == "/v1/tokens/rotate":
                continue  # it would end the token that is shown
            status = _ask(client, method, path, account).status_code
            told = (who, method, path, status)
            if {"everybody", who} & roles:
                assert status not in (403, 500), told
                assert status != 401 or path == "/v1/enrolments", told
            else:
                assert status == (401 if who == "nobody" else 403), told
    if who not in ("officer", "administrator", "owner"):
        assert _content(asking) == before


def _content(house: House) -> dict[str, Any]:
    """What is held, but for the log, which has the refusals, and for a token's first use."""
    found = house.content()
    return {name: rows for name, rows in found.items() if name not in ("audit_event", "host_token")}


ASKED = [
    *(f"/v1/{name}" for name in ("directorates", "projects", "sia")),
    *(f"/v1/{name}?q=z" for name in ("directorates", "projects", "sia")),
    *(f"/v1/sia/{code}{end}" for code in (SIA, "commun", OTHER_SIA) for end in ("", "/history")),
    *(f"/v1/projects/{code}{end}" for code in (PROJECT, OTHER) for end in ("", "/history")),
    "/v1/budgets",
    *(
        f"/v1/budgets/{code}{end}"
        for code in ("mine", "theirs-z")
        for end in ("", "/history", "/burn-up")
    ),
    *(f"/v1/directorates/{code}{end}" for code in ("dsi", "autre-z") for end in ("", "/history")),
    *(
        f"{path}{scope}&format={form}&lang={lang}"
        for path in ("/v1/statements/2026-11", "/v1/trend")
        for scope in (
            "?",
            f"?project={PROJECT}",
            f"?project={OTHER}",
            f"?sia={SIA}",
            f"?sia={OTHER_SIA}",
            "?sia=commun",
            "?sia=@idle",
            f"?sia={usage_pages.SERVER}",
            f"?project={PROJECT}&sia={OTHER_SIA}",
            f"?project={PROJECT}&project={OTHER}",
            f"?project={OTHER}&project={PROJECT}",
        )
        for form in ("json", "csv", "html")
        for lang in ("fr", "en")
    ),
    *("/v1/overview", "/v1/months/2026-11", "/v1/hosts", "/metrics", "/v1/accounts", "/v1/audit"),
    *("/", "/account", "/v1/me", "/v1/ledgers", "/v1/ledgers/host-1", "/v1/factors"),
]
SECRETS = ("theirs-z", OTHER, OTHER_SIA, "autre-z", "Autre-z", "Courrier-z", "Tri-z")


def test_an_owner_never_learns_of_another_project(asking: House) -> None:
    """By no route, filter, format or guessed code: neither a name, nor a figure that is not in the
    statement of their own project; a guessed code is answered as one that does not exist."""
    with entry.client(asking, entry.token_of(asking, Role.OWNER)) as client:
        client.headers["Accept"] = "*/*"
        seen = 0
        for path in ASKED:
            answer = client.get(path)
            assert answer.status_code in (200, 303, 400, 403, 404), path
            if answer.status_code != 200:
                continue
            seen += 1
            for secret in SECRETS:
                assert secret not in answer.text, (path, secret)
        assert seen > 20
        for real, made_up in (
            (f"/v1/projects/{OTHER}", "/v1/projects/nothing"),
            (f"/v1/sia/{OTHER_SIA}", "/v1/sia/nothing"),
            ("/v1/budgets/theirs-z", "/v1/budgets/nothing"),
            (f"/v1/statements/2026-11?project={OTHER}", "/v1/statements/2026-11?project=nothing"),
            (f"/v1/statements/2026-11?sia={OTHER_SIA}", "/v1/statements/2026-11?sia=nothing"),
            (f"/v1/trend?sia={OTHER_SIA}", "/v1/trend?sia=nothing"),
        ):
            told, guessed = client.get(real), client.get(made_up)
            assert told.status_code == guessed.status_code == 404
            code = real.rpartition("=")[2].rpartition("/")[2]
            assert told.text.replace(code, "nothing") == guessed.text


def test_an_owner_sees_what_is_theirs(asking: House) -> None:
    """The project's statement is that of a reader; of a SIA that projects share, the own share."""
    owner = entry.client(asking, entry.token_of(asking, Role.OWNER))
    reader = entry.client(asking, entry.token_of(asking, Role.READER))
    path = f"/v1/statements/2026-11?project={PROJECT}"
    assert owner.get(path).json()["total"] == reader.get(path).json()["total"]
    assert owner.get(path).json()["total"]["energy_uj"] > 0
    shares = owner.get("/v1/sia/commun").json()["shares"]
    assert [(one["project"], one["permille"]) for one in shares] == [(PROJECT, 400)]
    assert [one["code"] for one in owner.get("/v1/sia").json()["items"]] == [SIA, "commun"]
    assert [one["code"] for one in owner.get("/v1/directorates").json()["items"]] == ["dsi"]
    assert len(reader.get("/v1/sia").json()["items"]) == 3
    owner.close()
    reader.close()


def test_what_others_change_is_no_history_of_theirs(asking: House) -> None:
    """Shares of other projects in a SIA that they share."""
    shares = [
        {"project": PROJECT, "permille": 400},
        {"project": OTHER, "permille": 600, "to": "2026-12-01"},
        {"project": OTHER, "permille": 600, "from": "2026-12-01"},
    ]
    asking.now = datetime(2026, 11, 10, 13, 0, tzinfo=UTC)
    assert asking.put("/v1/sia/commun", {"name": "Commun", "shares": shares}).is_success
    assert len(asking.get("/v1/sia/commun/history").json()["items"]) == 2
    with entry.client(asking, entry.token_of(asking, Role.OWNER)) as client:
        assert len(client.get("/v1/sia/commun/history").json()["items"]) == 1


def test_gateways_of_others_are_not_theirs(asking: House) -> None:
    """Neither by name nor by what they tell, in the evidence of a project's statement."""
    own = entry.client(asking, entry.token_of(asking, Role.OWNER))
    paths = [f"/v1/statements/2026-11?{scope}" for scope in (f"project={PROJECT}", f"sia={SIA}")]
    before = [own.get(path).json() for path in paths]
    assert [len(one["usage_ledgers"]) for one in before] == [1, 1]
    assert asking.put("/v1/servers/serveur-z", {"name": "Z"}).is_success
    pages = usage_pages.make_ledger(
        3,
        tokens={OTHER_SIA: (30, 40)},
        host_id="gateway-z",
        ledger_id="00000000-0000-4000-8000-00000000000f",
        server="serveur-z",
    )
    assert asking.tell(pages).is_success
    for path, one in zip(paths, before, strict=True):
        after = own.get(path).json()
        assert after["usage_ledgers"] == one["usage_ledgers"]
        assert after["ledgers_root"] == one["ledgers_root"]
    assert len(asking.get("/v1/statements/2026-11").json()["usage_ledgers"]) == 2
    own.close()


def test_a_share_that_ends_with_the_past_is_history(asking: House) -> None:
    """Versions in which a project had no share are not its owner's to read."""
    content = {"name": "Tri-z", "shares": [{"project": PROJECT, "permille": 1000}]}
    asking.now = datetime(2026, 11, 10, 13, 0, tzinfo=UTC)
    assert asking.put(f"/v1/sia/{OTHER_SIA}", content).is_success
    with entry.client(asking, entry.token_of(asking, Role.OWNER)) as client:
        history = client.get(f"/v1/sia/{OTHER_SIA}/history").json()["items"]
        assert [one["known_from"][:13] for one in history] == ["2026-11-10T13"]


def test_reading_may_be_opened(tmp_path: Path) -> None:
    """To whoever reaches the service; nothing else is."""
    with House(tmp_path / "f.db", NOW, open_reading=True, **entry.SETTINGS) as house:
        entry.furnish(house)
        with entry.client(house) as client:
            assert client.get("/v1/overview").status_code == 200
            assert client.get("/v1/statements/2026-11").status_code == 200
            assert client.put("/v1/sia/x", json={"name": "X"}).status_code == 401
            assert client.get("/v1/audit").status_code == 401
            assert client.get("/v1/accounts").status_code == 401
