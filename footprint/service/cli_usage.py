"""`footprint usage`: the stored facts of a shared server in an interval, and how they are divided.

In: a server's code, an instant or two. Out: tables on standard output: the entries of its pages,
the lines and totals that gateways told, gaps, and each block's weights and shares. Whoever has them
can compute the division again by hand (METHOD.md, "Shared servers").
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from footprint.interval import Interval, month_of, paris_month, to_us
from footprint.service import cli_statement
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError

if TYPE_CHECKING:  # slow to import
    from sqlalchemy import Connection

    from footprint.shared_figures import Served

Table = tuple[str, Sequence[str], Iterable[Sequence[object]]]
_QUARTER = timedelta(minutes=15)
_COUNTS = ("requests", "prompt_tokens", "cached_tokens", "generated_tokens", "total_tokens")


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--server", required=True, metavar="CODE", help="a shared server")
    parser.add_argument(
        "--from", dest="start", required=True, metavar="INSTANT", help="2026-11-02T08:00:00Z"
    )
    parser.add_argument("--to", dest="end", metavar="INSTANT", help="default: a quarter-hour later")
    parser.add_argument("--as-of", metavar="INSTANT", help="as known then (default: now)")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Write the tables."""
    from footprint.service.store import open_store  # noqa: PLC0415 - slow to import

    now = utc_now()
    interval = _interval(chosen)
    as_of = cli_statement.instant(chosen.as_of, "--as-of") if chosen.as_of else now
    store = open_store(chosen.database, create=False, migrate=False, now=now)
    try:
        with store.read() as connection:
            for table in _tables(connection, chosen.server, interval, as_of):
                sys.stdout.write(_text(table))
    finally:
        store.close()
    return 0


def _interval(chosen: argparse.Namespace) -> Interval:
    start = cli_statement.instant(chosen.start, "--from")
    end = cli_statement.instant(chosen.end, "--to") if chosen.end else start + _QUARTER
    month = paris_month(month_of(start))
    if not start < end <= month.end:
        raise CommandError(
            f"--to {end.isoformat()}: not after --from, or in another month of Europe/Paris "
            f"(this one ends at {month.end.isoformat()})"
        )
    return Interval(start, end)


def _tables(
    connection: "Connection", code: str, interval: Interval, as_of: datetime
) -> Iterator[Table]:
    from footprint.service import (  # noqa: PLC0415 - slow to import
        archived_facts,
        servers,
        store_register,
        store_servers,
        store_usage,
        subjects,
    )
    from footprint.service.store_facts import Window  # noqa: PLC0415 - slow to import

    registered = store_register.servers(connection, to_us(as_of)).get(code)
    if registered is None:
        raise CommandError(f"--server {code}: not registered as a shared server at that instant")
    month = paris_month(month_of(interval.start))
    if archived_facts.of(connection, month_of(interval.start)) is not None:
        raise CommandError(f"--from: {subjects.left_words(connection, month_of(interval.start))}")
    window = Window(month, to_us(as_of))
    sites = store_register.sites(connection, to_us(as_of))
    served = servers.gather(connection, window, [month], {code: registered}, sites)
    interval = _with_blocks(interval, served)
    window = Window(interval, to_us(as_of))
    entries = store_servers.entries(connection, window, code)
    gateways = {
        one.host_id
        for told in (store_usage.lines, store_usage.totals)
        for one in told(connection, window)
        if one.line.server == code
    }
    yield _heading(code, interval, served)
    yield (
        "energy, as pages have it (uJ)",
        ("host", "start", "ledger", "seq", "component", "device", "part", "quality", "energy_uj"),
        [tuple(_shown(value) for value in one) for one in entries],
    )
    for title, told in (
        ("usage, as gateways told it", store_usage.lines(connection, window)),
        ("totals, as the server itself counted", store_usage.totals(connection, window)),
    ):
        yield (
            title,
            ("gateway", "start", "end", "model", "consumer", *_COUNTS),
            [
                (
                    one.host_id,
                    _shown(one.start),
                    _shown(one.end),
                    one.line.model,
                    one.line.consumer,
                    *(getattr(one.line, name) for name in _COUNTS),
                )
                for one in told
                if one.line.server == code
            ],
        )
    yield (
        "gaps, in which gateways may miss counts",
        ("gateway", "from", "to", "cause"),
        [
            (one.host_id, _shown(one.gap.start), _shown(one.gap.end), one.gap.cause)
            for one in store_usage.gaps(connection, window)
            if one.host_id in gateways
        ],
    )
    yield _divided(interval, served)


def _with_blocks(interval: Interval, served: Iterable["Served"]) -> Interval:
    """`interval` and every block that reaches into it: a day, where usage is by days."""
    blocks = [
        found
        for one in served
        for found in one.split.divided
        if found.start < interval.end and interval.start < found.end
    ]
    return Interval(
        min([interval.start, *(found.start for found in blocks)]),
        max([interval.end, *(found.end for found in blocks)]),
    )


def _heading(code: str, interval: Interval, served: Sequence["Served"]) -> Table:
    rows: list[tuple[object, ...]] = [
        ("server", code),
        ("from", _shown(interval.start)),
        ("to", _shown(interval.end)),
    ]
    for one in served:
        weights, rules = one.weights, one.split.rules
        rows.append(("weights", f"{weights.prompt} : {weights.generated} ({weights.source})"))
        rows.append(("idle", rules.idle))
        rows.extend((f"board {board}", model) for board, model in sorted(rules.boards.items()))
    return "rules", ("what", "value"), rows


def _divided(interval: Interval, served: Iterable["Served"]) -> Table:
    from footprint import allocation  # noqa: PLC0415 - with the rest

    rows: list[tuple[object, ...]] = []
    for one in served:
        for found in one.split.divided:
            if interval.start <= found.start < interval.end:
                weights = allocation.weights_of(found.usage, one.split.rules.weights)
                shares = dict(found.shares_uj)
                left_uj = found.energy_uj - sum(shares.values())
                block = (_shown(found.start), _shown(found.end), found.group or "all")
                rows += [
                    (*block, name, weights[name], shares.get(name, 0)) for name in sorted(weights)
                ]
                if left_uj:
                    rows.append((*block, one.split.rules.code, 0, left_uj))
    heads = ("start", "end", "models", "consumer", "weight", "active_uj")
    return "active energy, divided", heads, rows


def _shown(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


def _text(table: Table) -> str:
    """A title, and rows in columns; an unknown number is `-`, no row is said so."""
    title, heads, rows = table
    cells = [list(heads), *(["-" if value is None else str(value) for value in r] for r in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(heads))]
    lines = ["  none"]
    if len(cells) > 1:
        lines = ["  ".join(["", *map(str.ljust, row, widths)]).rstrip() for row in cells]
    return "\n".join([title, *lines, "", ""])
