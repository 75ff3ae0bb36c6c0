"""What is refused of a request before any page is looked at, and how errors look."""

import socket
from datetime import UTC, datetime

import httpx
import pytest

from footprint import ledger
from footprint.service.settings import digest
from tests.pages import LEDGER, batch, make_ledger
from tests.service.house import JSON, House


def kind(response: httpx.Response) -> str:
    return str(response.json()["type"]).rpartition(":")[2]


def test_a_body_that_is_no_batch_is_refused_with_its_place(house: House) -> None:
    """400 with the byte or the path, and the reason."""
    cases = {
        b"": "body: ",
        b"[": "body: ",
        b"{}": "missing required field `pages`",
        b'{"pages":[]}': "length >= 1",
        b'{"pages":[{"hash":"x","page":{}}]}': "$.pages[0].hash",
        b"[" * 100_000: "body: ",
        b'{"pages":[{"hash":"%s","page":' % (b"0" * 63): "body: ",
    }
    for body, reason in cases.items():
        answer = house.post_bytes(body)
        assert (answer.status_code, kind(answer)) == (400, "malformed")
        assert reason in answer.json()["detail"]
        assert answer.json()["heads"] == []


def _before_first(page: ledger.Page) -> dict[str, object]:
    ids = {"host_id": page.host_id, "ledger_id": page.ledger_id}
    return {**ids, "seq": -1, "hash": ledger.GENESIS}


def test_a_broken_batch_of_whole_pages_is_malformed(house: House) -> None:
    """Where every page has its hash, what is wrong is around them, and the byte is named."""
    pages = make_ledger(2)
    answer = house.post_bytes(batch(pages).replace(b"{", b"{,", 1))
    assert (answer.status_code, kind(answer)) == (400, "malformed")
    assert "byte 1" in answer.json()["detail"]
    assert answer.json()["heads"] == [_before_first(pages[0].page)]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize("altered", [b"[" * 100_000, b"", b'{"format":1,', b"\xff", b" " * 999_999])
def test_a_page_that_is_no_json_does_not_have_its_hash(house, place, spaced, altered) -> None:
    """409 and the page's place, although the batch around it cannot be read as a whole."""
    pages = make_ledger(3)
    body = batch(pages).replace(pages[place].body, altered)
    if spaced:
        body = body.replace(b'},{"hash":', b'}\n , {\t"hash" : ').replace(b"}]}", b"} ]\n}\n")
    answer = house.post_bytes(body)
    problem = answer.json()
    assert (answer.status_code, kind(answer)) == (409, "hash-mismatch")
    assert problem["detail"].startswith(f"pages[{place}] (unreadable)")
    assert problem["declared_hash"] == pages[place].hash
    assert problem["actual_hash"] == ledger.hash_bytes(altered.strip())
    assert problem["heads"] == [_before_first(pages[0].page)] * bool(place)
    assert house.content()["page"] == []


def test_a_page_that_does_not_say_what_it_is_is_refused(house: House) -> None:
    """Without host, ledger and number it belongs nowhere."""
    body = b'{"format":1}'
    answer = house.post_bytes(
        b'{"pages":[{"hash":"%s","page":%s}]}' % (ledger.hash_bytes(body).encode(), body)
    )
    assert (answer.status_code, kind(answer)) == (400, "malformed")


def test_a_body_over_the_cap_is_refused_while_it_streams(tmp_path) -> None:
    """Declared or not, no more than the cap is read."""
    with House(
        tmp_path / "f.db", datetime(2026, 11, 10, tzinfo=UTC), body_limit_bytes=1000
    ) as house:
        declared = house.post_bytes(b"x" * 1001)
        streamed = house.client.post(
            "/v1/pages", content=iter([b"x" * 600, b"x" * 600]), headers=JSON
        )
    for answer in (declared, streamed):
        assert (answer.status_code, kind(answer), answer.json()["heads"]) == (413, "too-large", [])


def test_only_plain_json_is_read(house: House) -> None:
    """Another site's form cannot write pages, and nothing is unpacked."""
    body = batch(make_ledger(1))
    form = house.client.post("/v1/pages", content=body, headers={"Content-Type": "text/plain"})
    packed = house.post_bytes(body, **{"Content-Encoding": "gzip"})
    assert (form.status_code, packed.status_code) == (415, 415)


@pytest.mark.parametrize(
    ("header", "status"),
    [(None, 401), ("Bearer wrong", 401), ("Basic {}", 401), ("Bearer {}", 200), ("bearer {}", 200)],
)
def test_writers_need_the_token(tmp_path, header, status) -> None:
    """With a token given, nothing is read of a request that does not carry it."""
    token = "a-token-of-enough-randomness"
    with House(
        tmp_path / "f.db", datetime(2026, 11, 10, 12, tzinfo=UTC), token_sha256=digest(token)
    ) as house:
        headers = {} if header is None else {"Authorization": header.format(token)}
        answer = house.post_bytes(batch(make_ledger(1)), **headers)
        assert answer.status_code == status
        assert (status == 401) == ("www-authenticate" in answer.headers)
        put = house.client.put("/v1/directorates/dgfip", json={"name": "DGFiP"}, headers=headers)
        assert put.status_code == status


def test_every_error_has_one_shape(house: House) -> None:
    """RFC 9457 with the same members, whatever went wrong, and never a traceback."""
    pages = make_ledger(1)
    answers = [
        house.get("/nowhere"),
        house.client.delete("/v1/pages"),
        house.post_bytes(b"{"),
        house.post_bytes(b"{}", **{"Content-Type": "text/plain"}),
        house.post(make_ledger(2)[1:]),
        house.get("/v1/statements/2026-13"),
        house.get("/v1/statements/2026-11?format=pdf"),
        house.get("/v1/statements/2026-11?sia=nobody"),
        house.get("/v1/ledgers?limit=0"),
        house.get(f"/v1/ledgers/host-1/{LEDGER}/pages/x"),
        house.put("/v1/sia/x", {"nome": "X"}),
    ]
    house.execute("DROP TABLE entry")
    answers.append(house.post(pages))
    assert [answer.status_code for answer in answers] == [
        404, 405, 400, 415, 409, 400, 400, 404, 400, 400, 422, 500,
    ]  # fmt: skip
    for answer in answers:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["type"].startswith("urn:footprint:problem:")
        assert problem["status"] == answer.status_code
        assert problem["title"]
        assert problem["detail"]
        assert "Traceback" not in answer.text


def test_openapi_describes_the_wire(house: House) -> None:
    """The batch, the page in it and every answer have their schema."""
    schema = house.get("/openapi.json").json()
    post = schema["paths"]["/v1/pages"]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Batch")
    schemas = schema["components"]["schemas"]
    assert schemas["Envelope"]["properties"]["page"] == {"$ref": "#/components/schemas/Page"}
    assert {"Page", "Entry", "Receipt", "Problem", "Sia", "Share"} <= schemas.keys()


def test_a_body_that_never_ends_is_given_up(tmp_path) -> None:
    """A sender that stops in the middle holds no connection for longer than the limit."""
    with House(tmp_path / "f.db", datetime(2026, 11, 10, tzinfo=UTC), body_seconds=0.1) as house:
        host, port = house.client.base_url.host, house.client.base_url.port
        with socket.create_connection((host, port), timeout=60) as connection:
            connection.sendall(
                b"POST /v1/pages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
            assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_a_token_is_asked_for_before_the_body(tmp_path) -> None:
    """Without it the answer comes although no byte of the body has."""
    settings = {"token_sha256": digest("a-token-of-enough-randomness")}
    with House(tmp_path / "f.db", datetime(2026, 11, 10, tzinfo=UTC), **settings) as house:
        host, port = house.client.base_url.host, house.client.base_url.port
        with socket.create_connection((host, port), timeout=60) as connection:
            connection.sendall(
                b"POST /v1/pages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n"
            )
            assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")
