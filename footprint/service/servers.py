"""Shared servers of a month: gathers what pages, gateways and the register say, and divides it.

In: a read connection, a window and the pieces of the month in which one factor and one set of
shares hold. Out: a `Served` for each registered server that has energy or usage there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from footprint import shared, token_fit
from footprint.allocation import DEFAULT, TokenWeights, Usage
from footprint.grid.hourly import Grid
from footprint.interval import QUARTER_HOUR_SECONDS, Interval, floor_to, from_us, month_of, to_us
from footprint.service import archived_facts, store_servers, store_usage
from footprint.service.aliases import NO_ALIASES, Aliases
from footprint.service.archived_facts import Facts as Left
from footprint.service.register import Server, Site
from footprint.service.store_facts import Window
from footprint.service.store_usage import Told, ToldGap, ToldLine
from footprint.shared import Rules, Spending, Split
from footprint.shared_figures import Served
from footprint.statement import UsageGap, WeightsFit, WeightsUsed
from footprint.token_fit import Fit, Refusal

NO_PAGE = "no_page"
"""The cause of time that a gateway tells nothing of."""
_QUARTER = timedelta(seconds=QUARTER_HOUR_SECONDS)


class Facts(msgspec.Struct, frozen=True):
    """What is stored of one server: its energy, what gateways named, what it counted itself, and
    the gateways that told of it."""

    spending: list[Spending]
    usage: list[Usage]
    totals: list[Usage]
    gateways: set[str]


def gather(
    connection: Connection,
    window: Window,
    pieces: Sequence[Interval],
    servers: Mapping[str, Server],
    sites: Mapping[str, Site],
    *,
    grid: Grid | None = None,
    aliases: Aliases = NO_ALIASES,
) -> list[Served]:
    """The month of each of `servers` that has energy or usage in it, in the order of codes.
    `window.hosts` is not looked at: a server may be on any."""
    if not servers:
        return []
    # Of a month whose pages have left: what was kept of it.
    month = month_of(window.interval.start)
    left = archived_facts.of(connection, month) if window.rolled else None
    everywhere = msgspec.structs.replace(window, hosts=None)
    told = _told(connection, everywhere, left)
    return [
        msgspec.structs.replace(
            _served(servers[code], found, pieces, grid, _gaps(told, found.gateways, window)),
            uncounted_uj=_uncounted_uj(told, found),
        )
        for code, found in sorted(
            facts(connection, everywhere, servers, sites, left=left, aliases=aliases).items()
        )
    ]


def facts(
    connection: Connection,
    window: Window,
    servers: Mapping[str, Server],
    sites: Mapping[str, Site],
    *,
    left: Left | None = None,
    aliases: Aliases = NO_ALIASES,
) -> dict[str, Facts]:
    """What is stored of each of `servers` of which anything is."""
    spent = _spent(connection, window, servers, [*sites.values()], left)
    told = left.lines if left else store_usage.lines(connection, window)
    lines = _by_server(aliases.lines(told))
    totals = _by_server(left.totals if left else store_usage.totals(connection, window))
    return {
        code: Facts(
            spending=spent.get(code, []),
            usage=[usage_of(one) for one in lines.get(code, [])],
            totals=[usage_of(one) for one in totals.get(code, [])],
            gateways={one.host_id for found in (lines, totals) for one in found.get(code, [])},
        )
        for code in servers
        if code in spent or code in lines or code in totals
    }


def _spent(
    connection: Connection,
    window: Window,
    servers: Mapping[str, Server],
    sites: Sequence[Site],
    left: Left | None,
) -> dict[str, list[Spending]]:
    """Energy of each server that has any. Of a month that has left the boards of a server that was
    registered afterwards are not known: it has the energy of all of them together."""
    if left is None:
        boards = any(server.models for server in servers.values())
        return store_servers.spending(connection, window, servers, sites, boards=boards)
    later = [code for code in servers if code not in left.spending]
    return {
        **{code: left.spending[code] for code in servers if left.spending.get(code)},
        **store_servers.spending(connection, window, later, sites, boards=False),
    }


def _by_server(lines: Iterable[ToldLine]) -> dict[str, list[ToldLine]]:
    found: dict[str, list[ToldLine]] = defaultdict(list)
    for one in lines:
        found[one.line.server].append(one)
    return found


def usage_of(told: ToldLine) -> Usage:
    """A stored line as the method takes it."""
    line = told.line
    return Usage(
        start=told.start,
        end=told.end,
        consumer=line.consumer,
        requests=line.requests,
        prompt_tokens=line.prompt_tokens,
        generated_tokens=line.generated_tokens,
        cached_tokens=line.cached_tokens,
        total_tokens=line.total_tokens,
        model=line.model,
        units=line.units,
        estimated_uj=line.estimated_uj,
        origin=told.origin,
        estimated_ug=None if line.estimated_ug is msgspec.UNSET else line.estimated_ug,
    )


def rules_of(server: Server, weights: TokenWeights) -> Rules:
    """How a server is divided, by the register."""
    boards = {board: model for model, own in server.models.items() for board in own}
    return Rules(server.code, weights, server.idle, boards)


def _served(
    server: Server,
    found: Facts,
    pieces: Sequence[Interval],
    grid: Grid | None,
    gaps: list[UsageGap],
) -> Served:
    declared = server.weights
    weights, source = WeightsUsed(DEFAULT.prompt, DEFAULT.generated, "default"), declared
    if source is not None and source != "fit":
        weights = WeightsUsed(source.prompt, source.generated, "declared")
    split = _split(server, found, pieces, grid, weights)
    fit = token_fit.fit(token_fit.samples(split.divided))
    if declared == "fit" and isinstance(fit, Fit):
        weights = WeightsUsed(fit.weights.prompt, fit.weights.generated, "fitted")
        split = _split(server, found, pieces, grid, weights)
    return Served(server.name, token_fit.ranged(split, fit), weights, _fit(fit), gaps)


def _split(
    server: Server,
    found: Facts,
    pieces: Sequence[Interval],
    grid: Grid | None,
    weights: WeightsUsed,
) -> Split:
    rules = rules_of(server, TokenWeights(weights.prompt, weights.generated))
    return shared.split(rules, found.spending, found.usage, found.totals, pieces, grid=grid)


def _fit(fit: Fit | Refusal) -> WeightsFit:
    if isinstance(fit, Refusal):
        return WeightsFit(None, None, fit.samples, None, fit.off_permille, fit.reason, fit.why)
    weights = fit.weights
    told = (fit.samples, fit.explained_permille, fit.off_permille)
    return WeightsFit(weights.prompt, weights.generated, *told, None, None)


class _Told(NamedTuple):
    """The intervals that gateways told of, and where counts may be missing in them."""

    pages: list[Told]
    gaps: list[ToldGap]


def _told(connection: Connection, window: Window, left: Left | None) -> _Told:
    if left is not None:
        return _Told(left.told, left.gaps)
    return _Told(store_usage.told(connection, window), store_usage.gaps(connection, window))


def missing(
    connection: Connection, window: Window, gateways: set[str], left: Left | None
) -> dict[str, int]:
    """Time in which usage may be missing, in microseconds by cause, of `gateways`."""
    everywhere = msgspec.structs.replace(window, hosts=None)
    return _missing(_told(connection, everywhere, left), gateways, window)


def _uncounted_uj(told: _Told, found: Facts) -> int:
    """Active energy of the quarter-hours that no gateway of the server told all of."""
    covered: set[datetime] = set()
    for page in told.pages:
        if page.host_id in found.gateways:
            covered.update(_quarters(page.start, page.end))
    for one in told.gaps:
        if one.host_id in found.gateways:
            covered.difference_update(_quarters(one.gap.start, one.gap.end))
    return sum(
        one.energy_uj for one in found.spending if one.part != "static" and one.start not in covered
    )


def _quarters(start: datetime, end: datetime) -> Iterator[datetime]:
    """The quarter-hours that a time touches."""
    quarter = floor_to(start, QUARTER_HOUR_SECONDS)
    while quarter < end:
        yield quarter
        quarter += _QUARTER


def _gaps(told: _Told, gateways: set[str], window: Window) -> list[UsageGap]:
    return [UsageGap(*one) for one in _missing(told, gateways, window).items()]


def _missing(told: _Told, gateways: set[str], window: Window) -> dict[str, int]:
    """Time in which usage may be missing, of the gateways that told of a server: gaps in what they
    told, and what they did not tell from their first page of the month on."""
    lost_us: Counter[str] = Counter()
    for one in told.gaps:
        if one.host_id in gateways:
            lost_us[one.gap.cause] += to_us(one.gap.end) - to_us(one.gap.start)
    pages: dict[str, list[Told]] = defaultdict(list)
    for page in told.pages:
        if page.host_id in gateways:
            pages[page.host_id].append(page)
    due = min(window.interval.end, floor_to(from_us(window.as_of_us), QUARTER_HOUR_SECONDS))
    for own in pages.values():
        lost_us[NO_PAGE] += _untold_us(own, to_us(due))
    return {cause: lost_us[cause] for cause in sorted(lost_us) if lost_us[cause]}


def _untold_us(pages: Sequence[Told], due_us: int) -> int:
    """Time between the first page and what is due that no page tells; in the order of starts."""
    reached_us = to_us(pages[0].start)
    lost_us = 0
    for page in pages:
        lost_us += max(0, to_us(page.start) - reached_us)
        reached_us = max(reached_us, to_us(page.end))
    return lost_us + max(0, due_us - reached_us)
