"""SQL of node meters: imported facts, the files they come from, and what platform is derived from.

Rows are added, never changed: of a meter and start the row known last holds (law 4).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, func, select

from footprint import codes, interval
from footprint.nodes import DeviceEnergy, DeviceKey, NodeEnergy, Span, intersect
from footprint.service import tables
from footprint.service.store_facts import Window

_IMPORT = tables.table(tables.NodeImport)
_FILE = tables.table(tables.ImportedFile)
_NODE = tables.table(tables.Node)
_PAGE = tables.table(tables.Page)
_SENSOR = tables.table(tables.Sensor)
_GAP = tables.table(tables.Gap)
_UJ_PER_J = 1_000_000
BATCH = 5000
MOST_UJ = 2**62
QUALITIES = ("counter", "integrated", "modelled")
LONGEST_US = 86_400_000_000
"""A node fact lasts a day at most, so that it is found by its start; longer ones do not count."""


class Source(msgspec.Struct, frozen=True):
    """A file that facts come from: name without folder, SHA-256 of its bytes, meter."""

    name: str
    sha256: str
    meter: str


def next_us(connection: Connection, now_us: int) -> int:
    """The instant from which a new import is known: now, but after the last one."""
    last_us = connection.execute(select(func.max(_FILE.c.known_from_us))).scalar_one()
    return now_us if last_us is None else max(now_us, last_us + 1)


def add(connection: Connection, facts: Sequence[NodeEnergy], known_from_us: int) -> int:
    """Add the facts of one meter that are not held with the same content; how many."""
    new = 0
    for first in range(0, len(facts), BATCH):
        some = facts[first : first + BATCH]
        start_us, end_us = some[0].start_us, some[-1].start_us
        held = {
            fact.start_us: fact
            for fact in _imported(connection, start_us, end_us + 1, known_from_us, some[0].meter)
        }
        rows = [_row(fact, known_from_us) for fact in some if held.get(fact.start_us) != fact]
        if rows:
            connection.execute(_IMPORT.insert(), rows)
        new += len(rows)
    return new


def add_sources(
    connection: Connection, kind: str, sources: Iterable[Source], known_from_us: int
) -> None:
    """Keep which files an import came from."""
    rows = [
        {"known_from_us": known_from_us, "ordinal": ordinal, "kind": kind}
        | msgspec.structs.asdict(source)
        for ordinal, source in enumerate(sources)
    ]
    connection.execute(_FILE.insert(), rows)


def _row(fact: NodeEnergy, known_from_us: int) -> dict[str, Any]:
    return {
        "meter": fact.meter,
        "start_us": fact.start_us,
        "known_from_us": known_from_us,
        "end_us": fact.end_us,
        "host_ids": " ".join(fact.hosts),
        "energy_uj": fact.energy_uj,
        "quality": fact.quality,
    }


def _imported(
    connection: Connection, from_us: int, to_us: int, as_of_us: int, meter: str | None = None
) -> Iterator[NodeEnergy]:
    """Imported facts that start in [from_us, to_us), as known at an instant."""
    starts = [_IMPORT.c.start_us >= from_us, _IMPORT.c.start_us < to_us]
    if meter is not None:
        starts.append(_IMPORT.c.meter == meter)
    keys = (_IMPORT.c.meter, _IMPORT.c.start_us)
    last = (
        select(*keys, func.max(_IMPORT.c.known_from_us).label("known_from_us"))
        .where(*starts, _IMPORT.c.known_from_us <= as_of_us)
        .group_by(*keys)
        .subquery()
    )
    same = and_(
        _IMPORT.c.meter == last.c.meter,
        _IMPORT.c.start_us == last.c.start_us,
        _IMPORT.c.known_from_us == last.c.known_from_us,
    )
    for row in connection.execute(select(_IMPORT).join(last, same)):
        if not _flaw(row):
            yield _fact(row.meter, row.start_us, row.end_us, row)


def _flaw(row: Any) -> str:
    """Why an imported row is no fact; empty where it is one."""
    if row.energy_uj < 0 or row.energy_uj > MOST_UJ:
        return f"its energy is {row.energy_uj} uJ"
    if row.quality not in QUALITIES:
        return f"its quality is {row.quality!r}"
    if not 0 < row.end_us - row.start_us <= LONGEST_US:
        return "it does not end within a day of its start"
    wrong = [host for host in row.host_ids.split(" ") if not codes.is_code(host)]
    return f"{wrong[0]!r} is no host" if wrong else ""


def unusable(connection: Connection) -> Iterator[str]:
    """The imported rows that are left out of every figure, each with what is wrong with it."""
    for row in connection.execute(select(_IMPORT).order_by(_IMPORT.c.meter, _IMPORT.c.start_us)):
        if flaw := _flaw(row):
            yield f"{row.meter} from {interval.from_us(row.start_us).isoformat()}: {flaw}"


def _in_pages(
    connection: Connection, from_us: int, to_us: int, as_of_us: int
) -> Iterator[NodeEnergy]:
    query = (
        select(_NODE)
        .join(_PAGE, _of_page(_NODE, as_of_us))
        .where(_NODE.c.from_us >= from_us, _NODE.c.from_us < to_us)
    )
    for row in connection.execute(query):
        yield _fact(f"{row.host_id}/{row.meter}", row.from_us, row.to_us, row)


def _fact(meter: str, start_us: int, end_us: int, row: Any) -> NodeEnergy:
    hosts = tuple(sorted(set(row.host_ids.split(" "))))
    return NodeEnergy(start_us, end_us, meter, hosts, row.energy_uj, row.quality)


def node_facts(connection: Connection, from_us: int, to_us: int, as_of_us: int) -> list[NodeEnergy]:
    """Facts of every node meter that share time with [from_us, to_us). A meter in a page is named
    after the host that reads it, an imported one after its rack."""
    earliest_us = from_us - LONGEST_US
    found = [
        *_imported(connection, earliest_us, to_us, as_of_us),
        *_in_pages(connection, earliest_us, to_us, as_of_us),
    ]
    return [
        fact
        for fact in found
        if fact.end_us > from_us and fact.end_us - fact.start_us <= LONGEST_US
    ]


def device_energies(
    connection: Connection, hosts: Sequence[str], span: Span, as_of_us: int
) -> Iterator[DeviceEnergy]:
    """Energy of every component device of `hosts`, page by page, of pages that begin in `span`."""
    lost = _lost(connection, hosts, span)
    query = (
        select(_SENSOR)
        .join(_PAGE, _of_page(_SENSOR, as_of_us))
        .where(*_begins(_SENSOR, hosts, span), _SENSOR.c.evidence.is_(False))
    )
    for row in connection.execute(query):
        key: DeviceKey = (row.host_id, row.component, row.device)
        whole = (row.start_us, row.end_us)
        gaps = lost.get((row.ledger_id, row.seq, *key), [])
        known = tuple(_without(whole, gaps))
        yield DeviceEnergy(key, row.start_us, known, row.metered_uj, row.quality)


def _begins(rows: Any, hosts: Sequence[str], span: Span) -> tuple[Any, ...]:
    return (
        rows.c.host_id.in_(hosts),
        rows.c.start_us >= span[0],
        rows.c.start_us < span[1],
    )


def _lost(
    connection: Connection, hosts: Sequence[str], span: Span
) -> dict[tuple[Any, ...], list[Span]]:
    query = (
        select(_GAP)
        .where(*_begins(_GAP, hosts, span), _GAP.c.kind == "gap")
        .order_by(_GAP.c.from_us)
    )
    found: dict[tuple[Any, ...], list[Span]] = defaultdict(list)
    for row in connection.execute(query):
        key = (row.ledger_id, row.seq, row.host_id, row.component, row.device)
        found[key].append((row.from_us, row.to_us))
    return found


def _without(whole: Span, gaps: Iterable[Span]) -> list[Span]:
    """`whole` less `gaps`, which come in the order of their starts and may overlap."""
    known, at_us = [], whole[0]
    for start_us, end_us in gaps:
        if start_us > at_us:
            known.append((at_us, start_us))
        at_us = max(at_us, end_us)
    known.append((at_us, whole[1]))
    return intersect([span for span in known if span[0] < span[1]], [whole])


def components_uj(connection: Connection, window: Window, hosts: Sequence[str]) -> dict[str, int]:
    """Energy of all component devices of each of `hosts` over the window."""
    query = (
        select(
            _SENSOR.c.host_id,
            func.sum(_SENSOR.c.metered_uj // _UJ_PER_J).label("joules"),
            func.sum(_SENSOR.c.metered_uj % _UJ_PER_J).label("rest_uj"),
        )
        .join(_PAGE, _of_page(_SENSOR, window.as_of_us))
        .where(*_begins(_SENSOR, hosts, _span(window)), _SENSOR.c.evidence.is_(False))
        .group_by(_SENSOR.c.host_id)
    )
    return {
        row.host_id: int(row.joules) * _UJ_PER_J + int(row.rest_uj)
        for row in connection.execute(query)
    }


def newest_bodies(
    connection: Connection, window: Window, hosts: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """The newest accepted page of each of `hosts` that begins in the window, as it came."""
    in_window = (
        *_begins(_PAGE, hosts, _span(window)),
        _PAGE.c.state == "accepted",
        _PAGE.c.known_from_us <= window.as_of_us,
    )
    last = (
        select(_PAGE.c.host_id, func.max(_PAGE.c.start_us).label("start_us"))
        .where(*in_window)
        .group_by(_PAGE.c.host_id)
        .subquery()
    )
    same = and_(_PAGE.c.host_id == last.c.host_id, _PAGE.c.start_us == last.c.start_us)
    query = select(_PAGE.c.host_id, _PAGE.c.body).join(last, same).where(*in_window)
    for row in connection.execute(query.order_by(_PAGE.c.host_id, _PAGE.c.ledger_id)):
        yield row.host_id, row.body


def _span(window: Window) -> Span:
    return interval.to_us(window.interval.start), interval.to_us(window.interval.end)


def _of_page(rows: Any, as_of_us: int) -> Any:
    return and_(
        _PAGE.c.host_id == rows.c.host_id,
        _PAGE.c.ledger_id == rows.c.ledger_id,
        _PAGE.c.seq == rows.c.seq,
        _PAGE.c.known_from_us <= as_of_us,
    )


def sensors_of(connection: Connection, hosts: Sequence[str], span: Span) -> list[str]:
    """The component sensors that `hosts` had over pages that begin in `span`, as host/sensor."""
    query = (
        select(_SENSOR.c.host_id, _SENSOR.c.sensor)
        .distinct()
        .where(*_begins(_SENSOR, hosts, span), _SENSOR.c.evidence.is_(False))
        .order_by(_SENSOR.c.host_id, _SENSOR.c.sensor)
    )
    return [f"{row.host_id}/{row.sensor}" for row in connection.execute(query)]
