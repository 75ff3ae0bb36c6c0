"""The envelopes of a batch that is no JSON as a whole: one flipped bit must not hide the rest.

In: a body of `POST /v1/pages` that cannot be decoded. Out: the envelopes that can be told apart
in it. A page altered on its way mostly stops being JSON, and then the batch does too; cut apart,
its bytes still meet the hash that was declared for them.
"""

import re
from itertools import pairwise

import msgspec

from footprint.ledger import Envelope

# An envelope opens as every sender of pages writes it (`ledger.Envelope`); inside a page no key is
# called `page`, so that a page that is whole is never cut in two.
_OPENING = re.compile(rb'\{\s*"hash"\s*:\s*"([0-9a-f]{64})"\s*,\s*"page"\s*:\s*')
_SPACE = b" \t\r\n"


def cut(raw: bytes) -> list[Envelope]:
    """Each envelope in `raw` whose opening is whole, its page up to the next one's or the end."""
    openings = list(_OPENING.finditer(raw))
    pieces = [raw[opening.end() : following.start()] for opening, following in pairwise(openings)]
    pages = [_without(piece, b"},") for piece in pieces]
    pages += [_without(raw[last.end() :], b"}]}") for last in openings[-1:]]
    return [
        Envelope(opening[1].decode("ascii"), msgspec.Raw(page))
        for opening, page in zip(openings, pages, strict=True)
    ]


def _without(piece: bytes, closing: bytes) -> bytes:
    """`piece` without the marks of `closing` at its end, spaces between them or not."""
    rest = piece
    for mark in reversed(closing):
        rest = rest.rstrip(_SPACE)
        if rest[-1:] != bytes([mark]):
            return piece
        rest = rest[:-1]
    return rest.rstrip(_SPACE)
