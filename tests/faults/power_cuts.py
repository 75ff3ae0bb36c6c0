"""Power cuts at random writes, of the agent's spool and of the service's database.

A program runs unmodified while everything that it writes and syncs is recorded; then the disk is
made as a power cut at a random write may leave it, and looked at. What somebody outside was told
(pages that were sent, heads that were acknowledged) has to be there. That this can fail is part of
it: the same cuts of the same record, less the syncs that `synchronous=NORMAL` leaves out, have to
lose what was told. Seen failing besides: with `synchronous = NORMAL` in `exporters.sqlite_file` the
8th cut of 30 lost a page that was sent, in `footprint.service.store_sqlite` the 6th lost the heads
of four ledgers.
"""

import random
import time
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path

import msgspec

from exporters.spool import Spool
from footprint.ledger import Batch, Envelope, Head, verify_chain
from footprint.reading import Reading
from tests.faults import preload, replay, sent, sums
from tests.faults.fleets import Load
from tests.faults.ground import Ground, uj
from tests.faults.meters import Meter, check_same, ending, metering, until_held
from tests.faults.preload import Op
from tests.running import Agent, Process, Service, service_pages, wait_until

HOST = "host-under-test"
PROOF_CUTS = 20
PAGES = 12
GOES_ON_EVERY = 25
"""After one cut of so many the real programs go on, until the totals can be compared."""


class Lost(AssertionError):  # noqa: N818 - what happened
    """A promise that a power cut broke."""


def spool(ground: Ground) -> str:
    """Cuts under a real agent that sends a page a second; after some of them it goes on."""
    library = preload.build(ground.folder)
    log = ground.folder / "calls"
    processes: list[Process] = []
    with ending(processes), metering(ground.folder) as meter:
        service = Service(ground.sub("service"))
        processes.append(service)
        environment = preload.watching(library, log, meter.state)
        agent = meter.start(service.url, environment=environment)
        processes.append(agent)
        meter.counter.go()
        until_held(service.database, PAGES + ground.times // 20)
        true_uj = meter.end(agent)
        check_same(agent, service.database, true_uj)
        ops = list(preload.read(log))
        batches = list(sent.pages(ops))
        went_on = since = 0
        cut = ground.sub("cut")
        for number, (done, found) in enumerate(
            replay.cuts(ops, meter.state, cut, ground.chance, ground.times)
        ):
            told = [page for place, batch in batches if place < done for page in batch]
            begun = _check_spool(found, told)
            since += 1
            if begun and since >= GOES_ON_EVERY:
                since = 0
                _agent_goes_on(meter, ground.sub(f"again-{number}"), found, told, true_uj)
                went_on += 1
        assert went_on > 0
        lost = _lost_as_normal_spool(ops, meter.state, ground)
    return (
        f"no page lost that was sent, no spool damaged, energy of pages and checkpoint == the "
        f"counter; {went_on} agents went on to {uj(true_uj)} at the service == the counter; with "
        f"synchronous=NORMAL {lost} of {PROOF_CUTS} cuts lose pages that were sent"
    )


def _check_spool(folder: Path, told: Sequence[Envelope]) -> bool:
    """Nothing is lost; whether the agent had read the counter by then, and kept what it showed:
    before that it knows of nothing to go on from."""
    path = folder / "spool.db"
    if not path.exists() and not told:
        return False
    with closing(Spool(path, HOST)) as opened:
        if list(folder.glob("*.damaged-*")):
            raise Lost(f"{folder}: the spool was damaged")
        bodies = list(opened.bodies())
        checkpoint = opened.load()
    held = set(bodies)
    missing = [page.hash for page in told if bytes(page.page) not in held]
    if missing:
        raise Lost(f"{folder}: {len(missing)} pages were sent and are not in the spool")
    known_uj = sums.entries_uj(list(verify_chain(bodies)))
    baselines: list[Reading] = []
    if checkpoint is not None:
        covers = [cover for draft in checkpoint.drafts for cover in draft.covers.values()]
        known_uj += sum(sum(cover.energy.values()) for cover in covers)
        baselines = [track.baseline for track in checkpoint.tracks if track.baseline]
    counted_uj = sum(getattr(baseline, "value_uj", 0) for baseline in baselines)
    if known_uj != counted_uj:
        raise Lost(f"{folder}: {known_uj} uJ in the spool, the counter was read at {counted_uj}")
    return bool(baselines)


def _agent_goes_on(
    meter: Meter, folder: Path, found: Path, told: Sequence[Envelope], true_uj: int
) -> None:
    """An agent on the disk after a cut, whose service took what was sent before."""
    found.rename(folder / "state")
    processes: list[Process] = []
    with ending(processes):
        service = Service(folder)
        processes.append(service)
        if told:
            _post(service.url, told)
        agent = Agent(folder, *meter.arguments(service.url))
        processes.append(agent)
        wait_until(lambda: len(agent.metrics()) > 5, "a tick")
        time.sleep(1.2)
        assert agent.terminate() == 0
        check_same(agent, service.database, true_uj)


def _lost_as_normal_spool(ops: Sequence[Op], state: Path, ground: Ground) -> int:
    """How many cuts lose pages that were sent if commits are not synced; some must."""
    fewer = replay.as_normal(ops)
    batches = list(sent.pages(fewer))
    lost = 0
    for done, found in replay.cuts(fewer, state, ground.sub("normal"), _proof(), PROOF_CUTS):
        told = [page for place, batch in batches if place < done for page in batch]
        try:
            _check_spool(found, told)
        except Lost:
            lost += 1
    assert lost > 0, "cuts without syncs lose nothing: this test cannot find a missing sync"
    return lost


def _proof() -> random.Random:
    """The cuts of the proof are always those: whether it can fail is no matter of chance."""
    return random.Random(1)


def database(ground: Ground) -> str:
    """Cuts under a real service that takes pages of a fleet; after some of them it goes on."""
    library = preload.build(ground.folder)
    log, folder = ground.folder / "calls", ground.sub("service")
    processes: list[Process] = []
    with ending(processes):
        service = Service(folder, environment=preload.watching(library, log, folder))
        processes.append(service)
        words = ("--hosts", "4", "--pages", "32", "--batch-pages", "4", "--connections", "2")
        load = Load(ground.folder, service.url, ground.chance.randrange(10**6), *words)
        try:
            agreed_uj = load.agreed_uj()
        finally:
            load.end()
        assert service.terminate() == 0
    final = sums.held_pages(service.database)
    assert sums.total_uj(service.database) == agreed_uj
    ops = [op for op in preload.read(log) if not op.path.endswith(".log")]
    told = list(sent.acknowledged(ops))
    went_on = 0
    for number, (done, found) in enumerate(
        replay.cuts(ops, folder, ground.sub("cut"), ground.chance, ground.times)
    ):
        _check_database(found, _heads_before(told, done), final)
        if number % GOES_ON_EVERY == GOES_ON_EVERY - 1:
            _service_goes_on(found, final, agreed_uj)
            went_on += 1
    lost = _lost_as_normal_database(ops, folder, ground, final)
    return (
        f"no page lost that was acknowledged, fsck finds nothing, entries == pages; {went_on} "
        f"services were sent the rest, to {uj(agreed_uj)} == the fleet's books; with "
        f"synchronous=NORMAL {lost} of {PROOF_CUTS} cuts lose acknowledged pages"
    )


def _heads_before(
    told: Sequence[tuple[int, Sequence[Head]]], done: int
) -> dict[tuple[str, str], Head]:
    before = (head for place, heads in told if place < done for head in heads)
    return {(head.host_id, head.ledger_id): head for head in before}


def _check_database(
    folder: Path, heads: dict[tuple[str, str], Head], final: Sequence[sums.Held]
) -> None:
    path = folder / "footprint.db"
    try:
        sums.check(path)
    except Exception as error:
        raise Lost(f"{folder}: {error}") from error
    held = sums.held_pages(path)
    bodies = {page.key: page.hash for page in held}
    lost = [
        head
        for head in heads.values()
        if head.seq >= 0 and bodies.get((head.host_id, head.ledger_id, head.seq)) != head.hash
    ]
    if lost:
        raise Lost(f"{folder}: {len(lost)} heads were acknowledged and are not held")
    known = {page.key: page.hash for page in final}
    assert all(known[key] == page_hash for key, page_hash in bodies.items())
    assert sums.total_uj(path) == sums.accepted_uj(held)


def _service_goes_on(found: Path, final: Sequence[sums.Held], agreed_uj: int) -> None:
    """A service on the disk after a cut, sent what it does not hold, as agents would."""
    held = {page.key for page in sums.held_pages(found / "footprint.db")}
    missing = [page for page in final if page.key not in held]
    service = Service(found)
    try:
        for _, batch in groupby(missing, key=lambda page: page.key[:2]):
            _post(service.url, [Envelope(one.hash, msgspec.Raw(one.body)) for one in batch])
        assert len(service_pages(service.database)) == len(final)
    finally:
        service.end()
    sums.check(service.database)
    assert sums.total_uj(service.database) == agreed_uj


def _lost_as_normal_database(
    ops: Sequence[Op], folder: Path, ground: Ground, final: Sequence[sums.Held]
) -> int:
    """As for the spool: some cuts must lose what was acknowledged."""
    fewer = replay.as_normal(ops)
    told = list(sent.acknowledged(fewer))
    lost = 0
    for done, found in replay.cuts(fewer, folder, ground.sub("normal"), _proof(), PROOF_CUTS):
        try:
            _check_database(found, _heads_before(told, done), final)
        except Lost:
            lost += 1
    assert lost > 0, "cuts without syncs lose nothing: this test cannot find a missing sync"
    return lost


def _post(url: str, pages: Sequence[Envelope]) -> None:
    """Send pages as they are."""
    body = msgspec.json.encode(Batch(list(pages)))
    request = urllib.request.Request(
        f"{url}/v1/pages", body, {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.status == 200
