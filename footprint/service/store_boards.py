"""SQL of GPUs wherever they are: which hosts counted a board, and when."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection, and_, func, select

from footprint.interval import QUARTER_HOUR_SECONDS
from footprint.service import store_bulk, tables
from footprint.service.store_facts import of_hosts

_DEVICE = tables.table(tables.Device)
_SENSOR = tables.table(tables.Sensor)
_PAGE = tables.table(tables.Page)
_QUARTER_US = QUARTER_HOUR_SECONDS * 1_000_000


def hosts(connection: Connection, boards: Collection[str]) -> dict[str, list[str]]:
    """The hosts that ever counted each of `boards`."""
    query = "SELECT device, host_id FROM device WHERE component = 'gpu' AND device IN ()"
    found = defaultdict(list)
    for device, host_id in store_bulk.found_among(connection, query, boards):
        found[device].append(host_id)
    return found


def counts(
    connection: Connection,
    host_id: str,
    board: str,
    interval_us: tuple[int, int],
    known_by_us: int | None = None,
) -> bool:
    """Whether an accepted page of a host, known by an instant, counts a board in part of an
    interval."""
    start_us, end_us = interval_us
    query = select(_SENSOR.c.seq).where(
        _SENSOR.c.host_id == host_id,
        _SENSOR.c.start_us > start_us - _QUARTER_US,
        _SENSOR.c.start_us < end_us,
        _SENSOR.c.end_us > start_us,
        _SENSOR.c.device == board,
        _SENSOR.c.component == "gpu",
        _SENSOR.c.evidence.is_(False),
    )
    if known_by_us is not None:
        names = ("host_id", "ledger_id", "seq")
        page = and_(*(_PAGE.c[name] == _SENSOR.c[name] for name in names))
        query = query.join(_PAGE, page).where(_PAGE.c.known_from_us <= known_by_us)
    return connection.execute(query.limit(1)).first() is not None


def counted_twice(connection: Connection) -> list[tuple[str, str, int]]:
    """Board, host and start of what one host counts of a board while another one does."""
    shared = (
        select(_DEVICE.c.device)
        .where(_DEVICE.c.component == "gpu", _DEVICE.c.device.like("GPU-%"))
        .group_by(_DEVICE.c.device)
        .having(func.count() > 1)
    )
    one, other = _SENSOR.alias(), _SENSOR.alias()
    query = (
        select(one.c.device, one.c.host_id, one.c.start_us)
        .join(
            other,
            and_(
                other.c.device == one.c.device,
                other.c.component == "gpu",
                other.c.evidence.is_(False),
                other.c.host_id != one.c.host_id,
                other.c.start_us < one.c.end_us,
                other.c.end_us > one.c.start_us,
                of_hosts(other, None),
            ),
        )
        .where(
            of_hosts(one, None),
            one.c.component == "gpu",
            one.c.evidence.is_(False),
            one.c.device.in_(shared),
        )
        .distinct()
        .order_by(one.c.device, one.c.host_id, one.c.start_us)
    )
    return [tuple(row) for row in connection.execute(query)]
