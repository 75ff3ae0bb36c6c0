"""How much one sender may ask: the arithmetic, and what the service answers beyond it."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from footprint.service import limits
from footprint.service.connections import Gate
from footprint.service.errors import SettingError
from footprint.service.settings import LIMITS, Settings, digest, parse_limits
from footprint.service.tally import Tally
from tests.pages import batch, make_ledger
from tests.service.house import House
from tests.service.test_metrics import samples

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
TOKEN = "a-token-of-enough-randomness"


def elsewhere(address: str) -> dict[str, str]:
    """Headers of this machine's proxy, for a request from elsewhere."""
    return {"X-Forwarded-For": address}


def refused(house: House, reason: str) -> float:
    """How many requests or connections were turned away for a reason."""
    return samples(house.get("/metrics", Authorization=f"Bearer {TOKEN}"))[
        "footprint_service_refused_total", (reason,)
    ]


def test_a_rate_has_a_burst_and_then_its_pace() -> None:
    """Three at once, then one every two seconds; each key has its own."""
    seconds = [0.0]
    rate = limits.Rate(0.5, 3, lambda: seconds[0])
    assert [rate.take("a") for _ in range(4)] == [None, None, None, 2]
    assert rate.take("b") is None
    seconds[0] = 1.5
    assert rate.take("a") == 1
    seconds[0] = 2.0
    assert rate.take("a") is None
    seconds[0] = 1000.0
    assert [rate.take("a") for _ in range(4)] == [None, None, None, 2]


def test_a_rate_forgets_whom_it_saw_longest_ago() -> None:
    """Many senders cost no memory without bound."""
    rate = limits.Rate(1, 1, lambda: 0.0)
    for number in range(limits.MOST_KEYS + 1):
        assert rate.take(str(number)) is None
    assert rate.take(str(limits.MOST_KEYS)) == 1
    assert rate.take("0") is None


def test_an_address_has_so_many_connections_and_a_proxy_more() -> None:
    """One more is refused until one is closed; those of the proxy and of this machine count only
    in all, and where there are too many, the one that has waited longest goes."""

    class Held:
        dropped = False

        def drop(self) -> None:
            self.dropped = True

    tally = Tally()
    settings = Settings(connections=6, connections_per_address=2, proxies=("192.0.2.0/24",))
    gate = Gate(settings, tally)
    first, second, third = Held(), Held(), Held()
    assert gate.enter(first, "198.51.100.1") is None
    assert gate.enter(second, "198.51.100.1") is None
    refusal = gate.enter(third, "198.51.100.1")
    assert refusal is not None
    assert (refusal.status, refusal.response().headers["retry-after"]) == (429, "5")
    gate.leave(third)
    gate.leave(first)
    assert gate.enter(first, "198.51.100.1") is None
    others = [Held() for _ in range(5)]
    for held, address in zip(others, ("192.0.2.1",) * 3 + ("127.0.0.1",) * 2, strict=True):
        gate.waits(held)
        refused = gate.enter(held, address)
        assert refused is None
    assert [held.dropped for held in others] == [True, False, False, False, False]
    assert tally.refused()["connections"] == 1


def test_room_is_given_back() -> None:
    """Also when what was done in it failed."""
    at_once = limits.AtOnce(1)
    with at_once.room("a") as first, at_once.room("a") as second, at_once.room("b") as other:
        assert (first, second, other) == (True, False, True)
    with pytest.raises(RuntimeError), at_once.room("a"):
        raise RuntimeError
    with at_once.room("a") as again, at_once.room(None) as nobody:
        assert again
        assert nobody


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("x" * 10_000, limits.UNKNOWN),
    ],
)
def test_a_sender_is_an_address_or_a_customer_s_network(address: str, sender: str) -> None:
    """Whoever has 2^64 addresses has one share; what is no address shares one too."""
    assert limits.sender(address) == sender


def test_an_address_that_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    """429 with Retry-After, before anything is done; another address is served."""
    with House(tmp_path / "f.db", NOON, requests_per_second_per_address=0.3) as house:
        answers = [house.get("/livez", **elsewhere("192.0.2.1")) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 0 < int(answers[3].headers["retry-after"]) <= 4
        assert answers[3].json()["type"] == "urn:footprint:problem:too-many"
        assert house.get("/livez", **elsewhere("192.0.2.2")).status_code == 200
        assert house.get("/livez").status_code == 200
        assert refused(house, "rate") == 1


def test_who_is_refused_too_often_is_not_even_told_so(tmp_path: Path) -> None:
    """After its refusals an address gets 429, this machine too; the right token is taken."""
    body = batch(make_ledger(1))
    settings = {"token_sha256": digest(TOKEN), "refusals_per_minute_per_address": 2}
    with House(tmp_path / "f.db", NOON, **settings) as house:

        def post(token: str, **headers: str) -> httpx.Response:
            return house.post_bytes(body, Authorization=f"Bearer {token}", **headers)

        answers = [post("wrong", **elsewhere("192.0.2.1")) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert int(answers[2].headers["retry-after"]) > 0
        assert answers[2].json()["heads"] == []
        assert [post("wrong").status_code for _ in range(3)] == [401, 401, 429]
        assert post(TOKEN, **elsewhere("192.0.2.1")).status_code == 200
        assert refused(house, "unauthorized") == 6


@pytest.mark.parametrize(
    "text", ["connection=5", "connections", "connections=", "connections=0", "connections=1.5",
             "body_seconds=nan", "body_seconds=-1", "body_seconds=inf", "port=1"],
)  # fmt: skip
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    """Another name, no number, or none above zero."""
    with pytest.raises(SettingError, match=f"--limit {text}"):
        parse_limits([text])


def test_limits_are_set_by_name() -> None:
    """Counts are whole numbers."""
    found = parse_limits(["connections=2000", "body_seconds=0.5", "connections=3000"])
    assert found == {"connections": 3000, "body_seconds": 0.5}
    assert set(LIMITS) >= {"connections", "head_seconds", "requests_at_once"}


def test_a_proxy_is_an_address_or_a_network() -> None:
    """A name would be asked of the network at each request."""
    assert Settings(proxies=("192.0.2.0/24", "::1")).proxies
    with pytest.raises(SettingError, match=r"--proxy proxy\.example"):
        Settings(proxies=("proxy.example",))
