"""What a page may hold, and what the reader of pages refuses."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from footprint.ledger import (
    MAX_UJ,
    CounterMark,
    Page,
    PageError,
    canonical_bytes,
    check,
    decode,
    hash_bytes,
)
from tests.laws.pages import QUARTER, START, a_gap, a_page, a_state, an_entry

BODY = canonical_bytes(a_page())
replace = msgspec.structs.replace


def test_the_hash_is_what_sha256sum_says() -> None:
    """A reader needs no program of ours to check a page's hash."""
    assert hash_bytes(BODY) == hashlib.sha256(BODY).hexdigest()


def test_canonical_bytes_are_plain_json_in_declared_order() -> None:
    """Fields stand in the order of the contract, without white space, instants with Z."""
    assert BODY.startswith(b'{"format":1,"host_id":"host-1","ledger_id":"0b5c1d2e-')
    assert b'"start":"2026-11-21T10:00:00Z"' in BODY
    assert b": " not in BODY


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"format"', b'{ "format"'),
        (b'{"format":1', b'{"format":1,"format":1'),
        (b"host-1", b"host\\u002d1"),
        (b"10:00:00Z", b"10:00:00+00:00"),
        (b"10:00:00Z", b"10:00:00.000000Z"),
    ],
)
def test_another_spelling_of_the_same_page_is_refused(old: bytes, new: bytes) -> None:
    """One page has one spelling, so one hash."""
    with pytest.raises(PageError, match="not canonical"):
        decode(BODY.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"format":1', b'"format":2', "format"),
        (b'"format":1', b'"format":1,"user":"x"', "unknown field `user`"),
        (b'"format":1,', b"", "missing required field `format`"),
        (b'"package-0","consumer"', b'"package 0","consumer"', "device"),
        (b'"chat"', b'"@chat"', "consumer"),
        (b'"chat"', b'"someone@example.org"', "consumer"),
        (b'"chat"', b'"chat\\n"', "consumer"),
        (b'"chat"', b'"@system\\n"', "consumer"),
        (b'"chat"', b'"Chat"', "consumer"),
        (b'"chat"', b'""', "consumer"),
        (b'"chat"', b'"' + b"c" * 64 + b'"', "consumer"),
        (b'"host-1"', b'"host-1\\n"', "host_id"),
        (b'"host-1"', b'"@host"', "host_id"),
        (b'"energy_uj":3000001', b'"energy_uj":-1', "energy_uj"),
        (b'"energy_uj":3000001', b'"energy_uj":%d' % (MAX_UJ + 1), "energy_uj"),
        (b'"energy_uj":3000001', b'"energy_uj":3000001.5', "energy_uj"),
        (b'"energy_uj":3000001', b'"energy_uj":null', "energy_uj"),
        (b'"range_uj":262143328850', b'"range_uj":99999999999999999999', "range_uj"),
        (b'"range_uj":262143328850', b'"range_uj":-1', "range_uj"),
        (b'"floor_uw":10000000', b'"floor_uw":-1', "floor_uw"),
        (b'"quality":"counter"', b'"quality":"guessed"', "quality"),
        (b'"seq":0', b'"seq":0.0', "seq"),
        (b'"last_error":""', b'"last_error":"\\ud800"', "page"),
        (b'"part":"static"', b'"part":"idle"', "part"),
        (b'"cause":"read_failed"', b'"cause":"unknown"', "cause"),
        (b'"component":"cpu"', b'"component":"platform"', "component"),
    ],
)
def test_what_the_contract_does_not_know_is_refused(old: bytes, new: bytes, message: str) -> None:
    """Unknown fields, foreign words, wrong patterns and impossible numbers are one clear error."""
    assert old in BODY
    with pytest.raises(PageError, match=message):
        decode(BODY.replace(old, new, 1))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", BODY[:-1], BODY + b"x", b"[" * 100_000]
)
def test_bytes_that_are_no_page_are_refused(body: bytes) -> None:
    """Truncated, foreign, mis-encoded or deeply nested bytes are a PageError, never a crash."""
    with pytest.raises(PageError):
        decode(body)


NAIVE = START.replace(tzinfo=None)
PARIS_TIME = START.astimezone(timezone(timedelta(hours=1)))


@pytest.mark.parametrize("instant", [NAIVE, PARIS_TIME])
@pytest.mark.parametrize(
    "place",
    [
        lambda t: a_page(start=t),
        lambda t: a_page(end=t),
        lambda t: a_page(gaps=[a_gap("cpu", "package-0", t, START + QUARTER)]),
        lambda t: a_page(gaps=[a_gap("cpu", "package-0", START, t)]),
        lambda t: with_state(first=CounterMark(value_uj=1, at=t)),
        lambda t: with_state(last=CounterMark(value_uj=1, at=t)),
        lambda t: with_state(floor_at=t),
    ],
)
def test_an_instant_that_is_not_utc_is_refused(place, instant: datetime) -> None:  # type: ignore[no-untyped-def]
    """Local and naive times are refused wherever an instant may stand."""
    with pytest.raises(PageError, match="not an aware UTC instant"):
        decode(canonical_bytes(place(instant)))


def with_state(**changes: object) -> Page:
    """The plain page with one sensor state changed."""
    page = a_page()
    return replace(page, sensors=[replace(page.sensors[0], **changes)])


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (a_page(end=START), "same instant"),
        (a_page(end=START - QUARTER), "before it starts"),
        (a_page(end=START + QUARTER + timedelta(microseconds=1)), "crosses a UTC quarter-hour"),
        (a_page(start=START - timedelta(microseconds=1)), "crosses a UTC quarter-hour"),
        (a_page(seq=1), "seq 1 with previous_hash 00000000"),
        (a_page(previous_hash="1" * 64), "seq 0 with previous_hash 11111111"),
        (a_page(gaps=[a_gap("cpu", "d", START, START)]), "not inside the page"),
        (a_page(gaps=[a_gap("cpu", "d", START, START + 2 * QUARTER)]), "not inside the page"),
        (a_page(gaps=[a_gap("cpu", "d", START - QUARTER, START)]), "not inside the page"),
        (with_state(metered_uj=5_000_000), "differ by -1 uJ"),
        (with_state(metered_uj=5_000_002), "differ by 1 uJ"),
        (with_state(interpolated_uj=5_000_002), "more interpolated than metered"),
        (with_state(component=None), "by no component"),
        (with_state(quality="modelled"), "of that device and quality"),
        (with_state(evidence=True), "no sensor state"),
        (a_page(sensors=[]), "no sensor state"),
        (a_page(sensors=a_page().sensors * 2), "covered twice"),
        (a_page(entries=a_page().entries * 2), "or twice"),
        (a_page(entries=[]), "differ by 5000001 uJ"),
    ],
)
def test_a_page_that_contradicts_itself_is_refused(page: Page, message: str) -> None:
    """Time, cover and conservation are checked inside the page, whatever its hash."""
    with pytest.raises(PageError, match=message):
        check(page)


def test_evidence_is_added_to_nothing() -> None:
    """A psys counter stands beside its package without entries and without being a second cover."""
    page = a_page()
    check(replace(page, sensors=[*page.sensors, a_state(None, "psys", 99_000_000)]))


def test_the_same_device_name_may_serve_two_components() -> None:
    """A package has a CPU and a DRAM zone: covers are told apart by component and device."""
    page = a_page()
    check(
        replace(
            page,
            sensors=[*page.sensors, a_state("dram", "package-0", 7)],
            entries=[*page.entries, an_entry("dram", "package-0", "@system", "undivided", 7)],
        )
    )


def test_a_quarter_hour_is_the_longest_page() -> None:
    """A page may fill its UTC quarter-hour to the last microsecond."""
    end = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)
    check(a_page(end=end))
