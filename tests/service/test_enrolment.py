"""How a host comes by its token, what it may write with it, and how it loses it: over real HTTP,
on both databases."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from footprint import ledger
from footprint.interval import to_us
from footprint.service import access, store_access, store_audit
from footprint.service.place import Place
from footprint.service.settings import digest
from tests import usage_pages
from tests.pages import LEDGER, batch, make_ledger, seal
from tests.service import wire
from tests.service.conftest import FIRST_START, NOW
from tests.service.house import JSON, House

OPERATOR = "an-operator-s-token-of-enough-randomness"
FINGERPRINT = "0123456789abcdef" * 2
DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A service that wants a token."""
    place: Place = tmp_path / "footprint.db"
    if request.param == "postgresql":
        place = request.getfixturevalue("postgres").migrated(FIRST_START)
    with House(place, FIRST_START, token_sha256=digest(OPERATOR)) as opened:
        opened.now = NOW
        yield opened


def make_code(house: House, host_id: str | None = "host-1", days: int = 2) -> str:
    """A code, as an operator makes it."""
    with house.app.state.footprint.store.write() as connection:
        valid_us = days * access.US_PER_DAY
        return access.make_code(connection, host_id, valid_us, to_us(house.now)).text


def enrol(house: House, code: str, host_id: str = "host-1", **more: Any) -> httpx.Response:
    """The answer to a host that has a code."""
    asked = {"code": code, "host_id": host_id, "fingerprint": FINGERPRINT, **more}
    return house.client.post("/v1/enrolments", json=asked)


def token_of(house: House, host_id: str = "host-1") -> str:
    """A token that a host was given."""
    return str(enrol(house, make_code(house, host_id), host_id).json()["token"])


def post(house: House, token: str, pages: Any = None, path: str = "/v1/pages") -> httpx.Response:
    """Push pages with a token."""
    body = batch(pages or make_ledger(1))
    headers = JSON | {"Authorization": f"Bearer {token}"}
    return house.client.post(path, content=body, headers=headers)


def rotate(house: House, token: str) -> httpx.Response:
    """Ask for the next token."""
    return house.client.post("/v1/tokens/rotate", headers={"Authorization": f"Bearer {token}"})


def events(house: House) -> list[tuple[str, str | None, str]]:
    """The audit log: action, host, outcome; public parts of secrets left out."""
    with house.app.state.footprint.store.read() as connection:
        return [
            (event.action.split(" fp")[0], event.host_id, event.outcome)
            for event in store_audit.lines(connection)
        ]


def test_a_code_becomes_a_token_that_writes_its_host_s_pages(house: House) -> None:
    """Of energy and of usage; the answer is not to be kept by anyone between."""
    answer = enrol(house, make_code(house))
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert answer.json()["host_id"] == "host-1"
    assert post(house, answer.json()["token"]).json()["accepted"] == 1
    gateway = token_of(house, "gateway-1")
    told = post(house, gateway, usage_pages.make_ledger(1), "/v1/usage")
    assert told.json()["accepted"] == 1


def test_a_code_is_used_once_however_many_try(house: House) -> None:
    """Twenty at the same moment get one token between them."""
    code = make_code(house, None)
    answers: list[httpx.Response] = []
    gate = threading.Barrier(20)

    def attempt(number: int) -> None:
        asked = {"code": code, "host_id": f"host-{number}", "fingerprint": FINGERPRINT}
        gate.wait()
        answers.append(httpx.post(f"{house.address}/v1/enrolments", json=asked, timeout=60))

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [201] + [401] * 19
    assert len(house.content()["host_token"]) == 1
    assert enrol(house, code, "host-99").status_code == 401


@pytest.mark.parametrize("which", ["another's", "expired", "changed", "unknown", "revoked", "none"])
def test_a_code_that_does_not_fit_is_refused_alike(house: House, which: str) -> None:
    """401 in the same words, whatever is wrong with it; nothing is made."""
    code = make_code(house)
    host_id = "host-2" if which == "another's" else "host-1"
    if which == "expired":
        house.now += 2 * DAY
    if which == "revoked":
        with house.app.state.footprint.store.write() as connection:
            store_access.use_code(connection, code[:20], to_us(house.now), None)
    sent = {
        "changed": code[:-1] + ("A" if code[-1] != "A" else "B"),
        "unknown": "fpe_" + "0" * 16 + code[20:],
        "none": "",
    }.get(which, code)
    answer = enrol(house, sent, host_id)
    assert answer.status_code == 401
    assert answer.json()["detail"] == (
        "the code is wrong, used, expired or another host's; ask for another"
    )
    assert house.content()["host_token"] == []
    if which not in ("expired", "revoked"):
        assert enrol(house, code).status_code == 201


def test_a_code_for_any_host_is_for_new_ones(house: House) -> None:
    """Whoever has it cannot speak for a host that has pages, or had a token; it is not used up."""
    assert post(house, OPERATOR).json()["accepted"] == 1
    token_of(house, "host-2")
    code = make_code(house, None)
    for host_id in ("host-1", "host-2"):
        answer = enrol(house, code, host_id)
        assert (answer.status_code, answer.json()["type"]) == (
            409,
            "urn:footprint:problem:known-host",
        )
    assert enrol(house, code, "host-3").status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"host_id": "Host 1"},
        {"host_id": "a'; DROP TABLE host_token; --"},
        {"host_id": "host\u202e1\u0000"},
        {"fingerprint": "x" * 32},
        {"code": "x" * 201},
        {"more": 1},
        {"code": 5},
    ],
)
def test_an_enrolment_is_bounded(house: House, wrong: dict[str, Any]) -> None:
    """400 with the place; nothing else is read."""
    asked = {"code": make_code(house), "host_id": "host-1", "fingerprint": FINGERPRINT, **wrong}
    answer = house.client.post("/v1/enrolments", json=asked)
    assert answer.status_code == 400
    assert house.content()["host_token"] == []


def test_an_enrolment_s_body_is_small(house: House) -> None:
    """Whoever has no token sends 4 KiB at most."""
    assert enrol(house, "x", more="x" * 5000).status_code == 413


@pytest.mark.parametrize(("path", "pages"), [("/v1/pages", make_ledger), ("/v1/usage", None)])
def test_pages_of_another_host_are_refused_with_their_whole_batch(
    house: House, path: str, pages: Any
) -> None:
    """403, nothing is stored of the host's own either, no head of the other is told, and the log
    says it."""
    make = pages or usage_pages.make_ledger
    own = make(1)
    token = token_of(house, own[0].page.host_id)
    theirs = make(1, host_id="host-other")
    answer = post(house, token, [*own, *theirs], path)
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:footprint:problem:other-host"
    assert [head["host_id"] for head in answer.json()["heads"]] == [own[0].page.host_id]
    assert house.content()["page"] == house.content()["usage_page"] == []
    assert house.content()["ledger_head"] == house.content()["usage_head"] == []
    refusal = ("write pages", "host-other", f"refused: token of host {own[0].page.host_id}")
    assert refusal in events(house)
    assert post(house, token, own, path).json()["accepted"] == 1
    assert post(house, OPERATOR, theirs, path).json()["accepted"] == 1


def test_a_host_tells_no_node_energy_of_others(house: House) -> None:
    """Its own management controller is its own; a rack's meter is the operator's to import."""
    token, (page,) = token_of(house), make_ledger(1)
    fact = ledger.NodeFact(
        meter="bmc",
        host_ids=["host-1"],
        start=page.page.start,
        end=page.page.end,
        energy_uj=1,
        quality="counter",
    )
    own = seal(msgspec.structs.replace(page.page, nodes=[fact]))
    shared = msgspec.structs.replace(fact, host_ids=["host-1", "host-2"])
    theirs = seal(msgspec.structs.replace(page.page, nodes=[shared]))
    assert post(house, token, [theirs]).status_code == 403
    assert house.content()["page"] == house.content()["node"] == []
    assert post(house, token, [own]).json()["accepted"] == 1


def test_a_host_does_not_change_the_register(house: House) -> None:
    """403, before its body is read; the operator does, and the log says that."""
    body, token = {"name": "DSI"}, token_of(house)

    def put(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return house.client.put("/v1/directorates/dsi", json=body, headers=headers).status_code

    assert [put(token), put(OPERATOR), put(OPERATOR)] == [403, 200, 200]
    assert ("PUT /v1/directorates/{code}", "host-1", "refused: has the roles: meter") in events(
        house
    )
    assert events(house).count(("register directorates dsi", None, "done")) == 1
    request = (
        b"PUT /v1/sia/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\nAuthorization: Bearer " + token.encode() + b"\r\n\r\n"
    )
    with wire.connected(house) as connection:
        connection.sendall(request)
        assert connection.recv(1000).startswith(b"HTTP/1.1 403 ")


def test_the_last_token_is_valid_until_the_next_is_used(house: House) -> None:
    """So an answer that was lost locks nobody out: asking again revokes what nobody has."""
    first = token_of(house)
    lost = rotate(house, first).json()["token"]
    kept = rotate(house, first).json()["token"]
    assert post(house, first).status_code == 200
    assert post(house, lost).status_code == 401
    assert post(house, kept).status_code == 200
    assert post(house, first).status_code == 401
    assert rotate(house, first).status_code == 401
    assert rotate(house, OPERATOR).status_code == 403


def test_a_host_that_enrols_again_loses_its_old_token(house: House) -> None:
    """Once it uses the new one; another host's stays."""
    first, other = token_of(house), token_of(house, "host-2")
    house.now += DAY
    again = token_of(house)
    assert post(house, first).status_code == 200
    assert post(house, again).status_code == 200
    assert post(house, first).status_code == 401
    pages = make_ledger(1, host_id="host-2")
    assert post(house, other, pages).status_code == 200


def test_a_revoked_token_writes_nothing(house: House) -> None:
    """From that moment on; the log shows that somebody tried."""
    token = token_of(house)
    assert post(house, token).status_code == 200
    with house.app.state.footprint.store.write() as connection:
        assert store_access.revoke_host(connection, "host-1", to_us(house.now)) == 1
    assert post(house, token, make_ledger(2)).status_code == 401
    assert ("use a token", "host-1", "refused: revoked") in events(house)
    assert len(house.content()["page"]) == 1


def test_a_token_is_whole_or_nothing(house: House) -> None:
    """Its public part with another secret, cut or longer; the scheme alone may be in any case."""
    token = token_of(house)
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in (changed, token[:-1], token + "A", token[:20], token.upper(), "fph_", "-"):
        assert post(house, wrong).status_code == 401
    headers = JSON | {"Authorization": f"bEARER   {token}"}
    answer = house.client.post("/v1/pages", content=batch(make_ledger(1)), headers=headers)
    assert answer.status_code == 200


def test_no_secret_is_kept(house: House) -> None:
    """Neither a code nor a token is in any table, whole or in its secret part."""
    code = make_code(house)
    token = enrol(house, code).json()["token"]
    following = rotate(house, token).json()["token"]
    post(house, following)
    kept = json.dumps(house.content(), default=repr)
    for secret in (code, token, following):
        assert secret[:20] in kept
        assert secret[21:] not in kept


def test_a_token_has_its_own_share_of_requests(tmp_path: Path) -> None:
    """One host that pushes too often does not slow another down; the operator's is not counted."""
    settings = {"requests_per_second_per_token": 0.3, "token_sha256": digest(OPERATOR)}
    with House(tmp_path / "f.db", NOW, **settings) as house:
        one, two = token_of(house), token_of(house, "host-2")
        answers = [post(house, one) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert int(answers[3].headers["retry-after"]) > 0
        assert post(house, two, make_ledger(1, host_id="host-2")).status_code == 200
        assert [post(house, OPERATOR).status_code for _ in range(5)] == [200] * 5


def test_a_token_is_served_so_often_at_once(tmp_path: Path) -> None:
    """One more is told to come back; when one ends there is room."""
    settings = {"requests_at_once_per_token": 1, "token_sha256": digest(OPERATOR)}
    with House(tmp_path / "f.db", NOW, **settings) as house:
        token = token_of(house)
        head = wire.POST + f"Authorization: Bearer {token}\r\nExpect: 100-continue\r\n\r\n".encode()
        with wire.connected(house) as connection:
            connection.sendall(head)
            assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
            assert post(house, token).status_code == 429
            connection.sendall(b" " * 100)
            assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
        assert post(house, token).status_code == 200


def test_without_a_token_of_its_own_the_service_still_binds_hosts(tmp_path: Path) -> None:
    """On this machine anyone writes; who shows a host's token is held to it."""
    with House(tmp_path / "f.db", NOW) as house:
        token = token_of(house, "host-2")
        assert post(house, token).status_code == 403
        assert post(house, "anything").status_code == 200


def test_the_log_forgets_what_is_older_than_its_days(tmp_path: Path) -> None:
    """By itself, when something is added; what was done stays until then, in order."""
    with House(tmp_path / "f.db", NOW, token_sha256=digest(OPERATOR), audit_days=40) as house:
        token_of(house)
        house.now += 39 * DAY
        token_of(house, "host-2")
        assert [event[1] for event in events(house)] == ["host-1", "host-2"]
        house.now += 2 * DAY
        token_of(house, "host-3")
        assert [event[1] for event in events(house)] == ["host-2", "host-3"]


def test_a_refused_sender_does_not_fill_the_log(house: House) -> None:
    """Some of its refusals are logged, all are counted; guesses are only counted."""
    token = token_of(house, "host-2")
    for _ in range(40):
        assert post(house, token).status_code == 403
    logged = [event for event in events(house) if event[0] == "write pages"]
    assert 0 < len(logged) <= 25
    before = len(events(house))
    for number in range(20):
        post(house, f"fph_{number:016x}_{'x' * 43}")
    assert len(events(house)) == before


def test_a_host_reads_its_own_heads(house: House) -> None:
    """An agent compares them; another host's, and figures, are not for it, nor for nobody."""
    shown = {"Authorization": f"Bearer {token_of(house)}"}
    assert house.get(f"/v1/ledgers/host-1/{LEDGER}", **shown).json()["seq"] == -1
    assert house.get(f"/v1/ledgers/host-1/{LEDGER}").status_code == 401
    for path in (f"/v1/ledgers/host-2/{LEDGER}", "/v1/ledgers/host-2", "/v1/ledgers"):
        assert house.get(path, **shown).status_code == 403
    assert house.get("/v1/statements/2026-11", **shown).status_code == 403


def test_openapi_describes_enrolment(house: House) -> None:
    """Its bodies and answers."""
    schema = house.get("/openapi.json").json()
    operation = schema["paths"]["/v1/enrolments"]["post"]
    reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert reference.endswith("/Enrolment")
    assert {"201", "401", "429"} <= operation["responses"].keys()
    assert {"Enrolment", "Issued"} <= schema["components"]["schemas"].keys()
    assert "403" in schema["paths"]["/v1/pages"]["post"]["responses"]


def test_an_expired_code_is_no_code_at_its_last_instant(house: House) -> None:
    """Valid up to it, and not at it."""
    early, late = make_code(house), make_code(house, "host-2")
    house.now = datetime(2026, 11, 12, 12, tzinfo=UTC) - timedelta(microseconds=1)
    assert enrol(house, early).status_code == 201
    house.now += timedelta(microseconds=1)
    assert enrol(house, late, "host-2").status_code == 401
