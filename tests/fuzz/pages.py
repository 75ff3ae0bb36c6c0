"""Pages and batches: what agents, readers of gateways and whoever has a token send."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import zstandard

from footprint import ledger, usage
from footprint.interval import to_us
from footprint.ledger import GapRecord, NodeFact, PageError
from footprint.service import body, envelopes, ingest, judge
from footprint.service.kinds import ENERGY, USAGE, Kind
from footprint.service.problems import Problem
from footprint.service.store_chains import P
from tests import usage_pages
from tests.fuzz.target import Target
from tests.pages import START, batch, chain, make_ledger, make_page

LIMIT_BYTES = 1 << 20
TICK = timedelta(microseconds=1)
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_batch_decoder = msgspec.json.Decoder(ledger.Batch)


def _page(data: bytes) -> None:
    try:
        page = ledger.decode(data)
    except PageError:
        page = None
    if page is not None:
        assert ledger.canonical_bytes(page) == data
        assert 0 < to_us(page.end) - to_us(page.start) <= 900_000_000
    _judged(data, ENERGY, kept=page is not None)


def _usage_page(data: bytes) -> None:
    try:
        page = usage.decode(data)
    except PageError:
        page = None
    if page is not None:
        assert usage.canonical_bytes(page) == data
        assert to_us(page.start) < to_us(page.end)
    _judged(data, USAGE, kept=page is not None)


def _judged(data: bytes, kind: Kind[P], *, kept: bool) -> None:
    """What the service makes of a page that may not be one."""
    assert isinstance(judge.content(data, kind.decode), str) is not kept
    interval_us = judge.interval_us(data)
    if interval_us is not None:
        judge.mistimed(*interval_us, to_us(START))
    judge.is_stub(data)


def _batch(data: bytes) -> None:
    """As `batches.take` does, up to the database."""
    try:
        raw = body.unpack(data, LIMIT_BYTES)
    except Problem:
        raw = data
    for kind in (ENERGY, USAGE):
        _open(raw, kind)
    for torn in envelopes.cut(raw):
        assert bytes(torn.page) in raw


def _open(raw: bytes, kind: Kind[P]) -> None:
    keys: set[ingest.Key] = set()
    try:
        try:
            found = body.decode(raw, _batch_decoder)
        except Problem:
            found = ledger.Batch(envelopes.cut(raw))
        sheets = ingest.open_batch(found, kind, keys)
        ingest.filing(sheets, START)
    except Problem as problem:
        problem.response()
        return
    assert keys == sheets.keys()
    for of_ledger in sheets.values():
        for sheet in of_ledger:
            assert ledger.hash_bytes(sheet.body) == sheet.hash


def _pages() -> Iterator[bytes]:
    yield from (page.body for page in make_ledger(2))
    yield next(iter(make_ledger(1, component="gpu", device="GPU-0", quality="integrated"))).body
    gap = GapRecord("gap", "cpu", "package-0", START, START + timedelta(seconds=9), "stuck")
    node = NodeFact(
        meter="bmc", host_ids=["host-1"], start=START, end=START, energy_uj=7, quality="counter"
    )
    parent = ledger.Parent(ledger_id="0" * 8, seq=3, hash="a" * 64)
    page = make_page(gaps=[gap], parent=parent)
    yield from (one.body for one in chain([msgspec.structs.replace(page, nodes=[node])]))
    for instant in (FIRST, LAST):
        far = msgspec.structs.replace(page, gaps=[], start=instant, end=instant + TICK)
        yield ledger.canonical_bytes(far)


def _usage_pages() -> Iterator[bytes]:
    yield from (page.body for page in usage_pages.make_ledger(2))
    page = usage_pages.make_page(
        totals=[usage_pages.line("@unattributed")],
        gaps=[usage.Gap(start=START, end=START + timedelta(seconds=9), cause="restarted")],
    )
    yield usage.canonical_bytes(page)
    for instant in (FIRST, LAST):
        far = msgspec.structs.replace(page, gaps=[], start=instant, end=instant + TICK)
        yield usage.canonical_bytes(far)


def _batches() -> Iterator[bytes]:
    energy, told = batch(make_ledger(2)), batch(usage_pages.make_ledger(2))
    yield from (energy, told, energy[:-40], energy.replace(b'"format":1', b'"format":1"'))
    yield from (zstandard.compress(energy), zstandard.compress(b" " * 100_000))


TARGETS = (
    Target("page", _page, _pages, json=True),
    Target("usage-page", _usage_page, _usage_pages, json=True),
    Target("batch", _batch, _batches, json=True),
)
