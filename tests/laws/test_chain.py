"""Law 2 on paper: no page of a ledger can be changed, dropped, added or moved unseen."""

import contextlib
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint.ledger import (
    ChainError,
    Page,
    PageError,
    canonical_bytes,
    check,
    decode,
    hash_bytes,
    verify_chain,
)
from tests.laws.pages import QUARTER, START, a_page, chains, linked, pages


def broken(bodies: list[bytes], last_hash: str | None = None) -> bool:
    """Whether verification finds fault with the ledger."""
    try:
        list(verify_chain(bodies, last_hash))
    except (PageError, ChainError):
        return True
    return False


@given(chains())
def test_an_untouched_ledger_verifies(bodies: list[bytes]) -> None:
    """Every ledger that a host writes by the rules passes, up to the head that others hold."""
    assert len(list(verify_chain(bodies, hash_bytes(bodies[-1])))) == len(bodies)


@given(pages())
def test_canonical_bytes_round_trip(page: Page) -> None:
    """A page read back from its bytes is the page, and its bytes are the bytes."""
    body = canonical_bytes(page)
    assert decode(body) == page
    assert canonical_bytes(decode(body)) == body


@given(chains(), st.data())
def test_any_changed_bit_is_found(bodies: list[bytes], data: st.DataObject) -> None:
    """One bit flipped anywhere in any page is found against the head that somebody else holds."""
    head = hash_bytes(bodies[-1])
    which = data.draw(st.integers(0, len(bodies) - 1))
    bits = data.draw(st.sets(st.integers(0, 8 * len(bodies[which]) - 1), min_size=1, max_size=20))
    for bit in bits:
        damaged = bytearray(bodies[which])
        damaged[bit // 8] ^= 1 << bit % 8
        changed = [*bodies[:which], bytes(damaged), *bodies[which + 1 :]]
        assert broken(changed, head)
        if which < len(bodies) - 1:
            assert broken(changed), "a page before the last is found without any help"


@given(chains(min_size=2), st.data())
def test_a_dropped_page_is_found(bodies: list[bytes], data: st.DataObject) -> None:
    """A page missing from the start or middle shows by itself, the last one against the head."""
    which = data.draw(st.integers(0, len(bodies) - 1))
    rest = bodies[:which] + bodies[which + 1 :]
    assert broken(rest, hash_bytes(bodies[-1]))
    if which < len(bodies) - 1:
        assert broken(rest)


@given(chains(), st.data())
def test_a_duplicated_page_is_found(bodies: list[bytes], data: st.DataObject) -> None:
    """The same page twice, anywhere in the ledger, is refused: a joule is counted once."""
    page = data.draw(st.sampled_from(bodies))
    place = data.draw(st.integers(0, len(bodies)))
    assert broken([*bodies[:place], page, *bodies[place:]])


@given(chains(), pages(), st.data())
def test_an_inserted_page_is_found(
    bodies: list[bytes], stranger: Page, data: st.DataObject
) -> None:
    """A page made to fit in number and link still breaks the chain for the page after it."""
    place = data.draw(st.integers(0, len(bodies) - 1))
    before = [decode(body) for body in bodies[:place]]
    forged = msgspec.structs.replace(
        stranger,
        seq=place,
        previous_hash=hash_bytes(bodies[place - 1]) if place else stranger.previous_hash,
        start=before[-1].end if before else stranger.start,
    )
    assert broken([*bodies[:place], canonical_bytes(forged), *bodies[place:]])


@given(chains(min_size=2), st.data())
def test_reordered_pages_are_found(bodies: list[bytes], data: st.DataObject) -> None:
    """Any other order of the same pages is refused."""
    order = data.draw(st.permutations(bodies))
    assert broken(order) == (order != bodies)


@given(chains(min_size=1, max_size=3), st.data())
def test_a_truncated_ledger_verifies_only_without_the_head(
    bodies: list[bytes], data: st.DataObject
) -> None:
    """A ledger cut short is a valid shorter ledger: only the head held elsewhere shows it."""
    kept = bodies[: data.draw(st.integers(0, len(bodies) - 1))]
    assert not broken(kept)
    assert broken(kept, hash_bytes(bodies[-1]))


@given(pages(), st.integers(-3, 3).filter(bool), st.data())
def test_a_page_whose_entries_do_not_add_up_is_refused(
    page: Page, error_uj: int, data: st.DataObject
) -> None:
    """Law 1 is checked inside every page: one microjoule too much or too few is refused."""
    metered = [i for i, state in enumerate(page.sensors) if not state.evidence]
    if not metered:
        return
    which = data.draw(st.sampled_from(metered))
    states = list(page.sensors)
    wrong_uj = states[which].metered_uj + error_uj
    states[which] = msgspec.structs.replace(states[which], metered_uj=max(wrong_uj, 0))
    if wrong_uj < 0 and page.sensors[which].metered_uj == 0:
        return
    with pytest.raises(PageError, match="differ by"):
        check(msgspec.structs.replace(page, sensors=states))


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(body: bytes) -> None:
    """Whatever arrives, the answer is a page or one PageError."""
    with pytest.raises(PageError):
        decode(body)


@given(pages(), st.data())
def test_no_change_of_bytes_crashes_the_reader(page: Page, data: st.DataObject) -> None:
    """Bytes replaced inside a real page give a page or one PageError, nothing else."""
    body = canonical_bytes(page)
    start = data.draw(st.integers(0, len(body) - 1))
    end = data.draw(st.integers(start, min(start + 30, len(body))))
    changed = body[:start] + data.draw(st.binary(max_size=30)) + body[end:]
    with contextlib.suppress(PageError):
        assert canonical_bytes(decode(changed)) == changed


def test_an_empty_ledger_verifies() -> None:
    """No page is a valid ledger, whose head is the genesis hash."""
    assert not broken([])
    assert not broken(linked([]), "0" * 64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seq": 2}, "page 2 stands where page 1 belongs"),
        ({"previous_hash": "1" * 64}, "does not follow the page before it"),
        ({"host_id": "host-2"}, "another host or ledger"),
        ({"ledger_id": "0b5c1d2e-0000-4000-8000-000000000002"}, "another host or ledger"),
        ({"start": START + QUARTER - timedelta(microseconds=1), "end": START + QUARTER}, "begins"),
    ],
)
def test_each_link_is_checked_by_itself(changes: dict[str, Any], message: str) -> None:
    """A page with the right hash is refused for its number, host, ledger or time alone."""
    first = canonical_bytes(a_page())
    whole = {
        "seq": 1,
        "previous_hash": hash_bytes(first),
        "start": START + QUARTER,
        "end": START + 2 * QUARTER,
        "gaps": [],
    }
    assert not broken([first, canonical_bytes(a_page(**whole))])
    with pytest.raises(ChainError, match=message):
        list(verify_chain([first, canonical_bytes(a_page(**{**whole, **changes}))]))
