"""Pages and questions with what should never be in them, for a service that has to take it well.

In: a page of an agent. Out: the same with SQL, NUL, bidirectional controls and other text in each
of its strings in turn, hashed as an agent would; bodies that are no batches; addresses that are
none.
"""

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec
import zstandard

from tests.pages import batch, make_ledger

NASTY = (
    "'; DROP TABLE page; --",
    '" OR ""="',
    "x\x00y",
    "\u202eegap\u2066",
    "\ud7ff\uffff\U0010ffff",
    "%s %(id)s {0} ${jndi}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "a" * 100_000,
)
MIB = 1024 * 1024


def pages() -> Iterator[tuple[str, bytes, int]]:
    """What was done, the body of a batch of one page, and the page's energy."""
    page = make_ledger(1, host_id="host-of-strings")[0]
    plain = msgspec.json.decode(page.body)
    for number, path in enumerate(_strings(plain)):
        for place, nasty in enumerate(NASTY):
            changed = msgspec.json.decode(page.body)
            changed["ledger_id"] = f"00000000-0000-4000-8000-{number:06d}{place:06d}"
            changed["host_id"] = f"host-{number}-{place}"
            _put(changed, path, nasty)
            body = msgspec.json.encode(changed)
            envelope = {"hash": hashlib.sha256(body).hexdigest(), "page": msgspec.Raw(body)}
            yield f"{path} {nasty[:20]!r}", msgspec.json.encode({"pages": [envelope]}), _uj(changed)


def _uj(page: dict[str, Any]) -> int:
    return sum(entry["energy_uj"] for entry in page["entries"])


def _strings(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the strings are, names of members included."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _strings(member, (*path, name))
    elif isinstance(value, list) and value:
        yield from _strings(value[0], (*path, 0))


def _put(page: Any, path: tuple[str | int, ...], text: str) -> None:
    for step in path[:-1]:
        page = page[step]
    page[path[-1]] = text


def bodies() -> Iterator[tuple[str, bytes, dict[str, str], set[int]]]:
    """What it is, the body, its headers, and the answers that may be given."""
    good = batch(make_ledger(1))
    for name, body in (
        ("nothing", b""),
        ("another type", b"[]"),
        ("no pages", b'{"pages":[]}'),
        ("deep", b"[" * 100_000),
        ("deep in a page", b'{"pages":[{"hash":"","page":' + b'{"a":' * 50_000),
        ("not UTF-8", b'{"pages":[{"hash":"\xff\xfe","page":{}}]}'),
        ("huge number", b'{"pages":[{"hash":"","page":{"seq":' + b"9" * 100_000 + b"}}]}"),
        ("NUL bytes", b"\x00" * 1000),
        ("a member twice", b'{"pages":[],"pages":[]}'),
    ):
        yield name, body, {}, {400}
    yield "half of one", good[: len(good) // 2], {}, {400, 409}
    yield "text", good, {"Content-Type": "text/plain"}, {415}
    yield "gzip", b"\x1f\x8b" + bytes(100), {"Content-Encoding": "gzip"}, {415}
    yield "zip bomb", zstandard.compress(bytes(256 * MIB)), {"Content-Encoding": "zstd"}, {413}
    yield "bomb of bombs", _bombs(), {"Content-Encoding": "zstd"}, {400, 413}
    yield "33 MiB", good[:-1] + b" " * 33 * MIB + b"}", {}, {413}


def _bombs() -> bytes:
    return zstandard.compress(zstandard.compress(bytes(256 * MIB)) * 2000)


def addresses() -> Iterator[str]:
    """What may be asked for, each with every nasty text in it."""
    for nasty in NASTY:
        text = quote(nasty[:2000], safe="")
        yield f"/v1/hosts?month={text}"
        yield f"/v1/hosts?month=2026-11&host={text}"
        yield f"/v1/ledgers/{text}"
        yield f"/v1/ledgers/{text}/{text}"
        yield f"/v1/ledgers/{text}/{text}/pages/0"
        yield f"/v1/statements/{text}"
        yield f"/{text}"
