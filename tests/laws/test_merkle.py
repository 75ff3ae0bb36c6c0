"""One hash over all ledgers: RFC 9162's tree, in which every leaf and its place is proven."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint import merkle
from footprint.statement import LedgerHead

texts = st.lists(st.text(st.characters(max_codepoint=127)), max_size=40)


def by_the_book(leaves: list[str]) -> bytes:
    """The definition of RFC 9162, 2.1.1, word for word: split at the largest power of two below."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0].encode()).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = by_the_book(leaves[:split]), by_the_book(leaves[split:])
    return hashlib.sha256(b"\1" + left + right).digest()


def test_the_first_roots_are_those_that_others_publish() -> None:
    """Of nothing, and of one empty leaf (certificate transparency's own test vectors)."""
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    one = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert (merkle.root([]), merkle.root([""])) == (nothing, one)


@given(texts)
def test_the_root_is_the_definition_s(leaves: list[str]) -> None:
    """Level by level gives the same tree as from the top."""
    assert merkle.root(leaves) == by_the_book(leaves).hex()


@given(texts.filter(bool), st.data())
def test_every_leaf_is_proven_in_its_place(leaves: list[str], data: st.DataObject) -> None:
    """And another leaf, place, size, root or path is not."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = merkle.prove(leaves, index)
    assert proof.root == merkle.root(leaves)
    assert merkle.proves(proof)
    path = proof.path
    for changed in (
        {"leaf": proof.leaf + "x"},
        {"root": merkle.root([*leaves, "x"])},
        {"path": [*path, path[-1] if path else proof.root]},
        {"path": path[1:]} if path else {"size": 0},
        {"path": [*path[:-1], "0" * 64]} if path else {"index": 1},
        {"index": proof.size},
        {"index": -1},
        {"path": ["not hexadecimal"]},
    ):
        assert not merkle.proves(msgspec.structs.replace(proof, **changed)), changed


@given(texts.filter(lambda leaves: len(leaves) > 1), st.data())
def test_a_change_anywhere_is_another_root(leaves: list[str], data: st.DataObject) -> None:
    """A leaf changed, left out, added, or two in another order."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    root = merkle.root(leaves)
    assert merkle.root([*leaves[:index], leaves[index] + "x", *leaves[index + 1 :]]) != root
    assert merkle.root([*leaves[:index], *leaves[index + 1 :]]) != root
    assert merkle.root([*leaves, leaves[index]]) != root
    turned = [*leaves[:-2], leaves[-1], leaves[-2]]
    assert (merkle.root(turned) != root) == (leaves[-1] != leaves[-2])


def test_a_leaf_is_no_node() -> None:
    """What two leaves are joined to cannot be passed off as a leaf (second preimage)."""
    pair = merkle.root(["a", "b"])
    joined = hashlib.sha256(b"\0a").digest() + hashlib.sha256(b"\0b").digest()
    assert hashlib.sha256(joined).hexdigest() != pair
    assert hashlib.sha256(b"\0" + joined).hexdigest() != pair


def test_a_statement_s_leaves_are_in_one_order() -> None:
    """Kind, host, ledger, whatever the order in which they were found."""
    heads = [LedgerHead(host, ledger, 1, "h") for host in ("b", "a-1", "a") for ledger in "21"]
    found = merkle.leaves(heads, heads[:1])
    assert found == merkle.leaves(heads[::-1], heads[:1])
    assert found == [
        *(f"energy/{host}/{ledger}/1/h" for host in ("a", "a-1", "b") for ledger in "12"),
        "usage/b/2/1/h",
    ]


def test_there_is_no_proof_of_what_is_not_there() -> None:
    """Nor counted from the end."""
    for index in (1, -1):
        with pytest.raises(IndexError):
            merkle.prove(["a"], index)
