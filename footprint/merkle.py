"""One hash over the last pages of all ledgers behind a statement, and the proof that one is in it.

Each page carries the hash of the page before: a ledger's last page stands for all of it, and the
root stands for every ledger. Whoever has written the root down, and nothing else, finds any later
change of any page. The tree is that of RFC 9162 (2.1.1): SHA-256, a leaf is hashed after the byte
0, two nodes after the byte 1, an odd node at the end of its level goes up as it is.

A leaf is the text `KIND/HOST/LEDGER/SEQ/HASH` in ASCII, KIND `energy` or `usage`; the leaves are in
the order of kind, host and ledger, compared as bytes. No part of it holds a slash.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from footprint.statement import LedgerHead

Kind = Literal["energy", "usage"]


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a leaf stands at `index` among `size` under `root`: the hashes beside its way up."""

    leaf: str
    index: int
    size: int
    path: list[str]
    root: str


def leaf(kind: Kind, head: LedgerHead) -> str:
    """The leaf of a ledger's last page."""
    return f"{kind}/{head.host_id}/{head.ledger_id}/{head.seq}/{head.hash}"


def leaves(energy: Iterable[LedgerHead], usage: Iterable[LedgerHead]) -> list[str]:
    """The leaves of a statement, in their order."""
    kinds: tuple[tuple[Kind, Iterable[LedgerHead]], ...] = (("energy", energy), ("usage", usage))
    keyed = [((kind, head.host_id, head.ledger_id), leaf(kind, head))
             for kind, heads in kinds for head in heads]  # fmt: skip
    return [text for _, text in sorted(keyed)]


def root(texts: Sequence[str]) -> str:
    """The root over leaves, 64 lower-case hexadecimal digits; of none, the hash of nothing."""
    level = [_leaf(text) for text in texts]
    while len(level) > 1:
        level = _above(level)
    return level[0].hex() if level else hashlib.sha256().hexdigest()


def prove(texts: Sequence[str], index: int) -> Proof:
    """The proof of the leaf at `index`. Raises IndexError where there is none."""
    if not 0 <= index < len(texts):
        raise IndexError(f"leaf {index} of {len(texts)}")
    level, place, path = [_leaf(text) for text in texts], index, []
    while len(level) > 1:
        if place ^ 1 < len(level):
            path.append(level[place ^ 1].hex())
        level, place = _above(level), place // 2
    return Proof(texts[index], index, len(texts), path, level[0].hex())


def proves(proof: Proof) -> bool:
    """Whether the path leads from the leaf to the root."""
    if not 0 <= proof.index < proof.size:
        return False
    try:
        beside = [bytes.fromhex(text) for text in proof.path]
    except ValueError:
        return False
    node, place, size = _leaf(proof.leaf), proof.index, proof.size
    while size > 1:
        if place ^ 1 < size:
            if not beside:
                return False
            other = beside.pop(0)
            node = _node(other, node) if place % 2 else _node(node, other)
        place, size = place // 2, (size + 1) // 2
    return not beside and node.hex() == proof.root


def _leaf(text: str) -> bytes:
    return hashlib.sha256(b"\0" + text.encode("ascii")).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _above(level: list[bytes]) -> list[bytes]:
    """The level above: pairs joined, an odd one as it is."""
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [_node(left, right) for left, right in pairs]
    return above + level[-1:] if len(level) % 2 else above
