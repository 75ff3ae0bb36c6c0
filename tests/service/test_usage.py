"""Usage pages are taken in exactly once, restate only their own interval, and block nothing."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from footprint import ledger
from footprint.interval import Interval, to_us
from footprint.ledger import GENESIS
from footprint.service import batches, store_usage
from footprint.service.cli import main
from footprint.service.kinds import USAGE
from footprint.service.problems import Problem
from footprint.service.settings import digest
from footprint.service.store_facts import Window
from tests import pages as energy
from tests.pages import START, batch, chain, seal
from tests.service.conftest import NOW
from tests.service.house import JSON, House
from tests.usage_pages import LEDGER, line, make_ledger, make_page

OTHER_LEDGER = "00000000-0000-4000-8000-00000000a002"
MONTH = Interval(datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC))
PARIS_DAY = datetime(2026, 11, 8, 23, tzinfo=UTC)
DAY_SECONDS = 86_400


def kind(response: httpx.Response) -> str:
    return str(response.json()["type"]).rpartition(":")[2]


def head(seq: int, page_hash: str) -> dict[str, object]:
    return {"host_id": "gateway-1", "ledger_id": LEDGER, "seq": seq, "hash": page_hash}


def told(house: House, at: datetime | None = None) -> dict[str, int]:
    """Generated tokens by consumer in the month, as known at an instant (None: now)."""
    window = Window(MONTH, to_us(at or house.now) + 1_000_000)
    sums: dict[str, int] = {}
    with house.app.state.footprint.store.read() as connection:
        for one in store_usage.lines(connection, window):
            sums[one.line.consumer] = sums.get(one.line.consumer, 0) + one.line.generated_tokens
    return sums


def reasons(house: House) -> list[str]:
    return [row[8] for row in house.content()["usage_page"] if row[8]]


def test_usage_is_stored_and_the_head_is_told(house: House) -> None:
    """Same answer as for pages of energy, and the bytes can be had back."""
    pages = make_ledger(3)
    answer = house.tell(pages)
    assert answer.json() == {
        "heads": [head(2, pages[2].hash)],
        "accepted": 3,
        "duplicates": 0,
        "quarantined": 0,
    }
    path = f"/v1/usage/ledgers/gateway-1/{LEDGER}"
    assert house.get(path).json() == head(2, pages[2].hash)
    assert house.get(f"{path}/pages/1").content == pages[1].body
    assert house.get(f"{path}/pages/3").status_code == 404
    assert house.get("/v1/usage/ledgers").json() == {
        "items": [head(2, pages[2].hash)],
        "next": None,
    }
    assert house.get("/v1/ledgers").json()["items"] == []
    assert told(house) == {"chat-demo": 270, "tri-courrier": 180}


def test_replay_in_any_order_changes_nothing(house: House) -> None:
    """Three times, shuffled within each batch: success, and not a byte differs."""
    pages = make_ledger(12)
    house.tell(pages)
    before = house.content()
    chance = random.Random(5)
    for _ in range(3):
        house.now += timedelta(minutes=1)
        again = chance.sample(pages, len(pages))
        answer = house.tell(again)
        assert (answer.status_code, answer.json()["duplicates"]) == (200, 12)
        assert house.content() == before


def test_senders_at_the_same_time_count_once(house: House) -> None:
    """Eight at once, each with all of it: every page is accepted by exactly one."""
    pages = make_ledger(20, start=START - timedelta(hours=3))
    body = batch(pages)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: house.tell_bytes(body), range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert sum(answer.json()["accepted"] for answer in answers) == 20
    assert sum(answer.json()["duplicates"] for answer in answers) == 7 * 20
    assert told(house) == {"chat-demo": 1800, "tri-courrier": 1200}


def test_one_bit_changed_is_found_wherever_it_is(house: House) -> None:
    """409 and nothing stored, whichever bit of a page it is."""
    page = make_ledger(1, tokens={"chat": (1, 2)})[0]
    envelope = batch([page])
    offset = envelope.index(page.body)
    before = house.content()
    for bit in range(8 * len(page.body)):
        body = bytearray(envelope)
        body[offset + bit // 8] ^= 1 << bit % 8
        with pytest.raises(Problem) as refused:
            batches.opened(bytes(body), USAGE, set())
        assert (refused.value.status, refused.value.kind) == (409, "hash-mismatch")
    assert house.content() == before


def test_a_page_rewritten_with_its_hash_is_a_conflict(house: House) -> None:
    """Restating is a new page: one that is held never changes."""
    pages = make_ledger(2)
    house.tell(pages)
    before = house.content()
    answer = house.tell(make_ledger(1, tokens={"chat-demo": (1, 1)}))
    assert (answer.status_code, kind(answer)) == (409, "page-conflict")
    assert answer.json()["heads"] == [head(1, pages[1].hash)]
    assert "parent" not in answer.json()["detail"]
    assert house.content() == before


def test_a_hole_and_a_broken_chain_are_refused(house: House) -> None:
    """Whole batches or nothing, with the head to go on from."""
    pages = make_ledger(4)
    house.tell(pages[:1])
    before = house.content()
    hole = house.tell(pages[2:])
    assert (kind(hole), hole.json()["heads"]) == ("chain-hole", [head(0, pages[0].hash)])
    stranger = make_ledger(2, tokens={"chat-demo": (1, 1)})[1]
    assert kind(house.tell([stranger])) == "chain-broken"
    assert house.content() == before


def test_energy_and_usage_are_chained_apart(house: House) -> None:
    """A ledger of one kind is unknown to the other, even under the same names."""
    joules = energy.make_ledger(2, host_id="gateway-1", ledger_id=LEDGER)
    house.post(joules)
    assert house.tell(make_ledger(1)).json()["accepted"] == 1
    assert house.get(f"/v1/ledgers/gateway-1/{LEDGER}").json() == head(1, joules[1].hash)


def test_a_page_of_the_other_kind_is_kept_and_left_out(house: House) -> None:
    """A page of energy is no usage: acknowledged, quarantined, with the reason."""
    assert house.tell(energy.make_ledger(1)).json()["quarantined"] == 1
    assert reasons(house)[0].startswith("usage page: ")


def test_a_day_told_again_replaces_the_day(house: House) -> None:
    """Usage that came late restates; what was known before can still be had."""
    first = make_page(start=PARIS_DAY, seconds=DAY_SECONDS, tokens={"chat-demo": (1, 5)})
    late = make_page(
        start=PARIS_DAY, seconds=DAY_SECONDS, tokens={"chat-demo": (1, 5), "tri-courrier": (1, 7)}
    )
    pages = list(chain([first, late]))
    house.tell(pages[:1])
    then = house.now
    house.now += timedelta(hours=1)
    assert house.tell(pages[1:]).json()["accepted"] == 1
    assert told(house) == {"chat-demo": 5, "tri-courrier": 7}
    assert told(house, then) == {"chat-demo": 5}


@pytest.mark.parametrize("back", [0, 1, 10_000_000])
def test_the_later_of_two_is_told_by_any_clock(house: House, back: int) -> None:
    """In one batch, or after the service's clock went back: the page that came last holds."""
    pages = list(chain(make_page(tokens={"chat-demo": (1, generated)}) for generated in (1, 2, 3)))
    house.tell(pages[:1])
    house.now -= timedelta(microseconds=back)
    house.tell(pages[1:])
    assert told(house, NOW + timedelta(days=1)) == {"chat-demo": 3}
    instants = [row[6] for row in house.content()["usage_page"]]
    assert len(set(instants)) == 3


def test_two_readers_of_one_name_do_not_take_each_others_place(house: House) -> None:
    """What counters told is counted once, as the first told it; the other is kept, and visible."""
    house.tell(make_ledger(2))
    again = house.tell(make_ledger(2, ledger_id=OTHER_LEDGER)).json()
    assert (again["accepted"], again["quarantined"]) == (0, 2)
    assert reasons(house)[0].startswith(f"overlap: page 0 of ledger {LEDGER}")
    assert told(house) == {"chat-demo": 180, "tri-courrier": 120}
    house.tell(make_ledger(2, host_id="gateway-2"))
    assert told(house) == {"chat-demo": 360, "tri-courrier": 240}


def test_a_day_may_be_told_again_by_another_ledger(house: House) -> None:
    """An export that is imported anew after the reader's state was lost replaces its days."""
    house.now = NOW + timedelta(days=1)
    for number, ledger_id in enumerate((LEDGER, OTHER_LEDGER), 5):
        tokens = {"chat-demo": (1, number)}
        day = make_page(start=PARIS_DAY, seconds=DAY_SECONDS, tokens=tokens, ledger_id=ledger_id)
        house.now += timedelta(hours=1)
        assert house.tell(chain([day])).json()["accepted"] == 1
    assert told(house, house.now) == {"chat-demo": 6}


@pytest.mark.parametrize(
    ("start", "seconds", "other"),
    [
        (START, 600, 0),
        (START + timedelta(minutes=5), 600, 0),
        (START + timedelta(minutes=20), 60, 1),
        (datetime(2026, 11, 9, 23, tzinfo=UTC), DAY_SECONDS, 1),
    ],
    ids=["shorter", "later", "inside", "day"],
)
def test_another_interval_that_overlaps_is_kept_and_left_out(
    house: House, start: datetime, seconds: int, other: int
) -> None:
    """It blocks nothing: the page after it is accepted."""
    house.now = NOW + timedelta(days=1)
    pages = [page.page for page in make_ledger(2)]
    pages.append(make_page(start=start, seconds=seconds, tokens={"chat-demo": (9, 9)}))
    pages.append(make_page(start=START + timedelta(hours=3), tokens={}))
    answer = house.tell(chain(pages)).json()
    assert (answer["accepted"], answer["quarantined"]) == (3, 1)
    assert reasons(house)[0].startswith(f"overlap: page {other} of ledger {LEDGER}")
    assert told(house) == {"chat-demo": 180, "tri-courrier": 120}


def test_content_that_cannot_be_used_does_not_block_its_chain(house: House) -> None:
    """A line twice, more cached than prompted, a later format, a day before it is over."""
    twice = make_page(lines=[line(), line()])
    cached = make_page(lines=[line(cached_tokens=2000)])
    today = make_page(start=datetime(2026, 11, 9, 23, tzinfo=UTC), seconds=DAY_SECONDS)
    good = make_page(start=START + timedelta(hours=1))
    assert house.tell(chain([twice, cached, today, good])).json()["quarantined"] == 3
    assert [reason.partition(": ")[0] for reason in reasons(house)] == [
        "line ('albert-large', 'mistral-small', 'chat-demo')",
        "line ('albert-large', 'mistral-small', 'chat-demo')",
        "clock",
    ]
    assert "tell a day when it is over" in reasons(house)[2]
    later = seal(make_page(host_id="gateway-2"))
    body = later.body.replace(b'{"format":1', b'{"format":2')
    later = msgspec.structs.replace(later, body=body, hash=ledger.hash_bytes(body))
    assert house.tell([later]).json()["quarantined"] == 1
    assert house.get("/v1/statements/2026-11").json()["quarantined_pages"] == 4
    assert house.get("/v1/overview").json()["quarantined_pages"] == 4
    assert "footprint_service_quarantined_pages 4.0" in house.get("/metrics").text


def test_what_no_register_knows_is_kept_as_it_was_told(house: House) -> None:
    """An unknown server or consumer is accepted: the register may come later."""
    page = make_page(lines=[line("never-heard-of", server="nowhere")])
    assert house.tell(chain([page])).json()["accepted"] == 1
    assert told(house) == {"never-heard-of": 90}


def test_a_restored_database_is_filled_again(house: House) -> None:
    """After yesterday's copy is put back the answer gives its head, and all can come again."""
    pages = make_ledger(8)
    house.tell(pages[:3])
    copy = house.copy()
    house.tell(pages[3:])
    with House(copy, house.now) as restored:
        hole = restored.tell(pages[6:])
        assert (kind(hole), hole.json()["heads"]) == ("chain-hole", [head(2, pages[2].hash)])
        restored.tell(pages)
        assert told(restored) == told(house)


def test_bodies_that_are_no_batch_are_refused(house: House) -> None:
    """As on the route of energy: 400 with the place, 415, and heads in each."""
    for body, reason in {
        b"": "body: ",
        b'{"pages":[]}': "length >= 1",
        b"[" * 100_000: "body: ",
    }.items():
        answer = house.tell_bytes(body)
        assert (answer.status_code, kind(answer)) == (400, "malformed")
        assert reason in answer.json()["detail"]
        assert answer.json()["heads"] == []
    form = house.client.post(
        "/v1/usage", content=batch(make_ledger(1)), headers={"Content-Type": "text/plain"}
    )
    assert form.status_code == 415
    body = b'{"format":1}'
    nameless = b'{"pages":[{"hash":"%s","page":%s}]}'
    answer = house.tell_bytes(nameless % (ledger.hash_bytes(body).encode(), body))
    assert (answer.status_code, kind(answer)) == (400, "malformed")


def test_a_body_over_the_cap_is_refused_while_it_streams(tmp_path) -> None:
    """Declared or not."""
    with House(tmp_path / "f.db", NOW, body_limit_bytes=1000) as house:
        declared = house.tell_bytes(b"x" * 1001)
        streamed = house.client.post("/v1/usage", content=iter([b"x" * 600] * 2), headers=JSON)
    for answer in (declared, streamed):
        assert (answer.status_code, kind(answer), answer.json()["heads"]) == (413, "too-large", [])


def test_a_page_of_many_lines_is_taken_in(house: House) -> None:
    """Twenty thousand consumers in one quarter-hour."""
    lines = [line(f"sia-{number}") for number in range(20_000)]
    assert house.tell(chain([make_page(lines=lines)])).json()["accepted"] == 1
    assert sum(told(house).values()) == 20_000 * 90


@pytest.mark.parametrize(
    ("header", "status"), [(None, 401), ("Bearer wrong", 401), ("Bearer {}", 200)]
)
def test_writers_need_the_token(tmp_path, header, status) -> None:
    """The service's one rule for writing."""
    token = "a-token-of-enough-randomness"
    with House(tmp_path / "f.db", NOW, token_sha256=digest(token)) as house:
        headers = {} if header is None else {"Authorization": header.format(token)}
        assert house.tell_bytes(batch(make_ledger(1)), **headers).status_code == status


def test_openapi_describes_usage(house: House) -> None:
    """The batch with usage pages in it, and each answer."""
    schema = house.get("/openapi.json").json()
    post = schema["paths"]["/v1/usage"]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/UsageBatch"}
    assert post["responses"].keys() >= {"200", "400", "401", "409", "413", "415"}
    schemas = schema["components"]["schemas"]
    assert schemas["UsageBatch"]["properties"]["pages"]["items"] == {
        "$ref": "#/components/schemas/UsageEnvelope"
    }
    assert schemas["UsageEnvelope"]["properties"]["page"] == {
        "$ref": "#/components/schemas/UsagePage"
    }
    assert {"UsagePage", "Server", "Weights"} <= schemas.keys()


def test_how_far_usage_is_told_never_goes_back(house: House) -> None:
    """A day told late is not the newest: each gateway shows the latest end of what it told."""
    pages = [page.page for page in make_ledger(2)]
    house.tell(chain([*pages, make_page(start=PARIS_DAY, seconds=DAY_SECONDS)]))
    house.tell(make_ledger(1, host_id="gateway-2"))
    text = house.get("/metrics").text
    ends = {"gateway-1": pages[1].end, "gateway-2": pages[0].end}
    for gateway, end in ends.items():
        name = f'footprint_service_last_usage_timestamp_seconds{{host_id="{gateway}"}}'
        value = next(one for one in text.splitlines() if one.startswith(name)).split()[-1]
        assert float(value) == end.timestamp()


def test_an_unknown_ledger_has_the_head_before_its_first_page(house: House) -> None:
    """A reader may ask before its first push."""
    assert house.get(f"/v1/usage/ledgers/gateway-1/{LEDGER}").json() == head(-1, GENESIS)


PERSON = "jeanne.exemple@ministere.example"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"consumer":"chat-demo"', f'"consumer":"{PERSON}"'),
        ('"model":"', f'"model":"{PERSON}'),
        ('"requests":', f'"{PERSON}":1,"requests":'),
        ('"gaps":[]', f'"gaps":[],"{PERSON}":1'),
        ('"origin":"litellm"', f'"origin":"{PERSON}"'),
        ('"agent":"', f'"agent":"{PERSON} '),
    ],
    ids=["consumer", "model", "field of a line", "field of the page", "origin", "version"],
)
def test_no_person_stays_of_a_page_that_cannot_be_read(
    house: House, caplog: pytest.LogCaptureFixture, before: str, after: str
) -> None:
    """Its place in the chain is kept, and why; nothing of what it said, in no row and in no log."""
    first, second = make_ledger(2)
    body = first.body.decode()
    assert before in body
    body = body.replace(before, after, 1).encode()
    named = msgspec.structs.replace(first, body=body, hash=ledger.hash_bytes(body))
    assert house.tell([named]).json()["quarantined"] == 1
    following = seal(msgspec.structs.replace(second.page, previous_hash=named.hash))
    assert house.tell([following]).json()["accepted"] == 1
    assert told(house) == {"chat-demo": 90, "tri-courrier": 60}
    kept = house.get(f"/v1/usage/ledgers/gateway-1/{LEDGER}/pages/0")
    places = [repr(house.content()), kept.text, caplog.text, *reasons(house)]
    assert not any("jeanne" in place for place in places)
    assert reasons(house)[0].startswith("usage page: ")
    assert main(["fsck", "--database", str(house.database)]) == 0
