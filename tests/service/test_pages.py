"""Pages are taken in exactly once, whole batches or nothing, and every refusal says why."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from footprint import ledger
from footprint.ledger import GENESIS
from footprint.service import batches
from footprint.service.kinds import ENERGY
from footprint.service.problems import Problem
from tests.pages import LEDGER, START, batch, chain, make_ledger, make_page, seal
from tests.service.conftest import NOW
from tests.service.house import JSON, House

OTHER_LEDGER = "00000000-0000-4000-8000-000000000002"


def kind(response: httpx.Response) -> str:
    return str(response.json()["type"]).rpartition(":")[2]


def head(seq: int, page_hash: str, ledger_id: str = LEDGER) -> dict[str, object]:
    return {"host_id": "host-1", "ledger_id": ledger_id, "seq": seq, "hash": page_hash}


def test_new_pages_are_stored_and_the_head_is_told(house: House) -> None:
    """The answer counts what was accepted and gives the head to go on from."""
    pages = make_ledger(3)
    answer = house.post(pages)
    assert answer.status_code == 200
    assert answer.json() == {
        "heads": [head(2, pages[2].hash)],
        "accepted": 3,
        "duplicates": 0,
        "quarantined": 0,
    }
    assert house.get(f"/v1/ledgers/host-1/{LEDGER}").json() == head(2, pages[2].hash)
    assert house.get("/v1/ledgers").json() == {"items": [head(2, pages[2].hash)], "next": None}


def test_a_page_can_be_had_back_byte_by_byte(house: House) -> None:
    """What the service keeps is what was hashed."""
    pages = make_ledger(2)
    house.post(pages)
    answer = house.get(f"/v1/ledgers/host-1/{LEDGER}/pages/1")
    assert answer.content == pages[1].body
    assert house.get(f"/v1/ledgers/host-1/{LEDGER}/pages/2").status_code == 404


def test_an_unknown_ledger_has_the_head_before_its_first_page(house: House) -> None:
    """An agent may ask before its first push."""
    assert house.get(f"/v1/ledgers/host-1/{LEDGER}").json() == head(-1, GENESIS)


def test_the_last_page_of_a_host_that_counts_is_told_whatever_its_ledger(house: House) -> None:
    """Where a new ledger takes up: not a page kept out, not a later one of an older time."""
    assert house.get("/v1/ledgers/host-1").status_code == 404
    pages = make_ledger(4)
    house.post(pages)
    overlapping = seal(make_page(start=START, ledger_id=OTHER_LEDGER))
    assert house.post([overlapping]).json()["quarantined"] == 1
    assert house.get("/v1/ledgers/host-1").json() == {
        **head(3, pages[3].hash),
        "start": pages[3].page.start.isoformat().replace("+00:00", "Z"),
        "end": pages[3].page.end.isoformat().replace("+00:00", "Z"),
    }


def test_the_same_pages_again_change_nothing(house: House) -> None:
    """Posted three times, in any order, the database keeps every row as it was."""
    pages = make_ledger(12)
    house.post(pages)
    before = house.content()
    for seed in range(3):
        house.now += timedelta(minutes=1)
        shuffled = random.Random(seed).sample(pages, len(pages))
        answer = house.post(shuffled)
        assert (answer.status_code, answer.json()["duplicates"]) == (200, 12)
    assert house.content() == before


def test_shuffled_pages_of_one_batch_are_taken_in_their_own_order(house: House) -> None:
    """The order within a batch does not matter, nor does a page that stands in it twice."""
    pages = make_ledger(6)
    answer = house.post([*reversed(pages), pages[3]])
    assert (answer.json()["accepted"], answer.json()["duplicates"]) == (6, 1)


def test_eight_senders_at_once_store_each_page_once(house: House) -> None:
    """Concurrent pushes of the same ledger leave what one push leaves."""
    pages = make_ledger(16, start=START - timedelta(hours=2))

    def push(seed: int) -> None:
        order = random.Random(seed)
        with httpx.Client(base_url=house.address, headers=JSON, timeout=60) as client:
            for first in (order.randrange(1, 8), 16, 16):
                pushed = order.sample(pages[:first], first)
                assert client.post("/v1/pages", content=batch(pushed)).status_code == 200

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(push, range(8)))
    content = house.content()
    assert [row[3] for row in sorted(content["page"], key=lambda row: row[2])] == [
        page.hash for page in pages
    ]
    assert len(content["entry"]) == 3 * len(pages)
    assert content["ledger_head"][0][2:4] == (15, pages[15].hash)


def test_every_flipped_bit_is_refused(house: House) -> None:
    """A page altered by one bit never gets in: 409, although most flips leave no JSON behind."""
    page, *others = make_ledger(3, consumers={"chat": 5})
    envelope = batch([page, *others])
    offset = envelope.index(page.body)
    before = house.content()
    flipped = []
    for bit in range(8 * len(page.body)):
        body = bytearray(envelope)
        body[offset + bit // 8] ^= 1 << bit % 8
        flipped.append(bytes(body))
    for body in flipped:
        with pytest.raises(Problem) as refused:
            batches.opened(body, ENERGY, set())
        assert (refused.value.status, refused.value.kind) == (409, "hash-mismatch")
        assert "pages[0]" in refused.value.detail
        assert refused.value.members["declared_hash"] == page.hash
    seen = {(answer.status_code, kind(answer)) for answer in house.post_each(flipped[::31])}
    assert seen == {(409, "hash-mismatch")}
    assert house.content() == before


def test_a_hash_that_does_not_fit_names_page_and_both_hashes(house: House) -> None:
    """The sender can tell what was altered on the way."""
    page = make_ledger(1)[0]
    altered = page.body.replace(b'"energy_uj":600000000', b'"energy_uj":600000001')
    answer = house.post_bytes(batch([msgspec.structs.replace(page, body=altered)]))
    problem = answer.json()
    assert (answer.status_code, kind(answer)) == (409, "hash-mismatch")
    assert (problem["host_id"], problem["ledger_id"], problem["seq"]) == ("host-1", LEDGER, 0)
    assert problem["declared_hash"] == page.hash
    assert problem["actual_hash"] == ledger.hash_bytes(altered)
    assert problem["heads"] == [head(-1, GENESIS)]


def test_a_page_rewritten_with_its_hash_is_a_conflict(house: House) -> None:
    """What was acknowledged stays: another page of the same number is refused and alarmed."""
    pages = make_ledger(2)
    house.post(pages)
    before = house.content()
    answer = house.post(make_ledger(1, consumers={"chat-demo": 1}))
    problem = answer.json()
    assert (answer.status_code, kind(answer)) == (409, "page-conflict")
    assert problem["held_hash"] == pages[0].hash
    assert problem["heads"] == [head(1, pages[1].hash)]
    assert house.content() == before
    assert 'footprint_service_pages_total{result="conflict"} 1.0' in house.get("/metrics").text


def test_two_versions_of_a_page_in_one_batch_are_a_conflict(house: House) -> None:
    """Neither gets in."""
    one, other = make_ledger(1)[0], make_ledger(1, consumers={"chat": 1})[0]
    assert kind(house.post([one, other])) == "page-conflict"
    assert house.content()["page"] == []


def test_a_hole_is_refused_with_the_head_to_go_on_from(house: House) -> None:
    """Nothing of the batch is stored, not even the ledger that has no hole."""
    pages = make_ledger(6)
    other = make_ledger(2, host_id="host-2", ledger_id=OTHER_LEDGER)
    house.post(pages[:2])
    before = house.content()
    answer = house.post([*other, pages[4], pages[5]])
    assert (answer.status_code, kind(answer)) == (409, "chain-hole")
    assert head(1, pages[1].hash) in answer.json()["heads"]
    assert house.content() == before


def test_a_page_of_another_chain_is_refused(house: House) -> None:
    """The number fits but the page before it is another one."""
    pages = make_ledger(2)
    house.post(pages[:1])
    stranger = make_ledger(2, consumers={"chat": 1})[1]
    answer = house.post([stranger])
    assert (answer.status_code, kind(answer)) == (409, "chain-broken")


def test_a_page_that_cannot_be_used_does_not_block_its_chain(house: House) -> None:
    """It is kept and counted apart; the pages after it are accepted."""
    good = [page.page for page in make_ledger(3)]
    bad = msgspec.structs.replace(
        good[1], entries=[msgspec.structs.replace(good[1].entries[0], energy_uj=1)]
    )
    pages = list(chain([good[0], bad, good[2]]))
    answer = house.post(pages)
    assert answer.json() == {
        "heads": [head(2, pages[2].hash)],
        "accepted": 2,
        "duplicates": 0,
        "quarantined": 1,
    }
    assert house.get(f"/v1/ledgers/host-1/{LEDGER}/pages/1").content == pages[1].body
    statement = house.get("/v1/statements/2026-11").json()
    assert statement["total"]["energy_uj"] == 2 * sum(entry.energy_uj for entry in good[0].entries)
    assert statement["quarantined_pages"] == 1
    assert house.get("/v1/overview").json()["quarantined_pages"] == 1
    assert "footprint_service_quarantined_pages 1.0" in house.get("/metrics").text
    assert house.post(pages).json()["duplicates"] == 3


def test_a_page_of_a_later_format_is_kept_for_later(house: House) -> None:
    """Content this version does not know is quarantined with the reason, its bytes untouched."""
    first = make_ledger(1)[0]
    body = first.body.replace(b'{"format":1', b'{"format":2')
    page = msgspec.structs.replace(first, body=body, hash=ledger.hash_bytes(body))
    assert house.post([page]).json()["quarantined"] == 1
    row = house.content()["page"][0]
    assert "format" in row[8]
    assert row[9] == body


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (datetime(9999, 12, 31, 23, 30, tzinfo=UTC), "clock: ends at 9999-12-31T23:45:00+00:00"),
        (NOW + timedelta(minutes=15), "more than 15 minutes after it came"),
        (datetime(2019, 12, 31, 23, 45, tzinfo=UTC), "before 2020-01-01"),
        (datetime(1, 1, 1, tzinfo=UTC), "clock: starts at 0001-01-01"),
    ],
)
def test_a_page_of_an_impossible_time_is_kept_and_left_out(
    house: House, start: datetime, words: str
) -> None:
    """Acknowledged, with the reason; the host is not heard by it, and every page still works."""
    answer = house.post(make_ledger(1, start=start))
    assert (answer.json()["accepted"], answer.json()["quarantined"]) == (0, 1)
    assert words in house.content()["page"][0][8]
    assert house.get("/v1/overview").json()["hosts"] == []
    for path in ("/", "/metrics", "/v1/statements/2026-11?format=html"):
        assert house.get(path).status_code == 200
    later = seal(make_page(seq=1, previous_hash=answer.json()["heads"][0]["hash"]))
    assert house.post([later]).json()["accepted"] == 1


@pytest.mark.parametrize("send", [House.post_bytes, House.tell_bytes])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (b"0001-01-01T00:00:00+23:59", b"0001-01-01T00:15:00+23:59"),
        (b"9999-12-31T23:45:00-23:59", b"9999-12-31T23:59:59-23:59"),
    ],
)
def test_a_page_of_a_time_beyond_the_calendar_is_kept_and_left_out(
    house: House, send: Callable[[House, bytes], httpx.Response], start: bytes, end: bytes
) -> None:
    """In its own zone the instant can be written, in UTC it cannot; the chain goes on."""
    body = (
        b'{"format":1,"host_id":"host-1","ledger_id":"00000000-0000-4000-8000-000000000001",'
        b'"seq":0,"previous_hash":"%s","start":"%s","end":"%s"}'
        % (ledger.GENESIS.encode(), start, end)
    )
    sent = b'{"pages":[{"hash":"%s","page":%s}]}' % (ledger.hash_bytes(body).encode(), body)
    answer = send(house, sent)
    assert (answer.status_code, answer.json()["quarantined"]) == (200, 1)
    assert send(house, sent).json()["duplicates"] == 1


def test_a_host_s_clock_may_be_a_quarter_hour_ahead(house: House) -> None:
    """To the microsecond."""
    assert house.post(make_ledger(1, start=NOW)).json()["accepted"] == 1


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)  # elsewhere no month takes it
def test_a_page_of_the_future_that_is_held_already_hides_nothing(house: House) -> None:
    """The host's newest page is the newest that can be; it falls silent as any other."""
    house.post(make_ledger(4))
    year_9999_us = 253_370_764_800_000_000
    for table in ("page", "entry", "sensor"):
        house.execute(
            f"UPDATE {table} SET start_us = ?, end_us = ? WHERE seq = 3"
            if table != "entry"
            else "UPDATE entry SET start_us = ? + 0 * ? WHERE seq = 3",
            year_9999_us,
            year_9999_us + 900_000_000,
        )
    host = house.get("/v1/overview").json()["hosts"][0]
    assert (host["page_end"], host["silent"]) == ("2026-11-10T09:45:00Z", True)
    assert house.get("/").status_code == 200


def test_two_ledgers_never_count_the_same_time(house: House) -> None:
    """A page of another ledger of the host that overlaps an accepted one is quarantined."""
    house.post(make_ledger(4))
    clone = make_ledger(6, ledger_id=OTHER_LEDGER)
    answer = house.post(clone)
    assert (answer.json()["accepted"], answer.json()["quarantined"]) == (2, 4)
    reasons = [row[8] for row in house.content()["page"] if row[8]]
    assert len(reasons) == 4
    assert all(reason.startswith("overlap: ") for reason in reasons)


def test_a_ledger_may_continue_another(house: House) -> None:
    """A page that names a parent is the first of a new ledger."""
    sealed = make_ledger(1)[0]
    house.post([sealed])
    parent = ledger.Parent(ledger_id=LEDGER, seq=0, hash=sealed.hash)
    later = START + timedelta(minutes=15)
    heir = seal(make_page(start=later, ledger_id=OTHER_LEDGER, parent=parent))
    assert house.post([heir]).json()["accepted"] == 1


def test_a_restored_database_is_filled_again(house: House) -> None:
    """After yesterday's copy is put back, sending everything again gives the same sums."""
    pages = make_ledger(8)
    house.post(pages[:3])
    copy = house.copy()
    house.post(pages[3:])
    figures = house.get("/v1/statements/2026-11").json()
    with House(copy, house.now) as restored:
        hole = restored.post(pages[6:])
        assert (kind(hole), hole.json()["heads"]) == ("chain-hole", [head(2, pages[2].hash)])
        restored.post(pages)
        assert restored.get("/v1/statements/2026-11").json() == figures
