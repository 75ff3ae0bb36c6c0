"""Builds statements: gathers facts from the store as of an instant, and lets the method sum them.

In: a read connection. Out: `Statement`. The same code serves API, CLI and every format.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from footprint import METHOD_VERSION, amounts, figures, merkle
from footprint.amounts import Period
from footprint.applied import PueUse
from footprint.cited import cited
from footprint.codes import sia_of
from footprint.embodied_figures import Carried
from footprint.facility import NO_SITE
from footprint.grid.hourly import Grid
from footprint.interval import to_us
from footprint.intervals import Intervals
from footprint.ledger import Component, Quality
from footprint.service import (
    archived_facts,
    covers,
    externals,
    grids,
    makings,
    periods,
    pieces,
    platforms,
    servers,
    store_facts,
    store_servers,
    store_totals,
    store_usage,
    store_versions,
    subjects,
)
from footprint.service.archived_facts import Facts
from footprint.service.known import Known, known_at
from footprint.service.store_facts import Window
from footprint.service.store_usage import ToldLine
from footprint.service.subjects import Asked, Subject
from footprint.shared import Share
from footprint.shared_figures import Made, Served
from footprint.statement import HostBoundary, Line, Statement

OMISSIONS = ("platform", "embodied", "network_storage_terminals", "public_chatbots")
"""What no figure holds: the rest of the host beside its components, making the hardware, what
lies outside the host, and what staff asks of public services by itself, which nobody can count."""
PUE_UNKNOWN = "pue_unknown"
"""Of some hosts nothing is known of what their site adds: it is in no figure."""


def statement(
    connection: Connection, asked: Asked, zone: str, as_of: datetime, *, rolled: bool
) -> Statement:
    """The month's figures so far, as known at `as_of`; from rollups where they are up to date
    (`rolled`) and `as_of` is the present, else from every page.

    Raises subjects.ReportError for a wrong month or an unknown project or SIA.
    """
    return stated(connection, gather(connection, asked, zone, as_of, rolled=rolled))


class Gathered(msgspec.Struct, frozen=True):
    """What a statement is made of: its time cut in pieces, what is known of the register and of the
    pages of a month that has `left`, whose figures they are, how long devices were covered, who
    used what in each piece and, by the `grid`, what quarter-hours emitted."""

    asked: Asked
    zone: str
    as_of: datetime
    left: Facts | None
    known: Known
    window: Window
    cut: list[pieces.Piece]
    grid: Grid
    served: list[Served]
    outside: list[ToldLine]
    of: Subject
    cover: covers.Cover
    energies: list[Period]


def gather(
    connection: Connection, asked: Asked, zone: str, as_of: datetime, *, rolled: bool
) -> Gathered:
    """Arguments and errors as those of `statement`."""
    interval = subjects.month_interval(asked.month)
    left = archived_facts.of(connection, asked.month)
    if left is not None and not rolled:
        raise subjects.ReportError(subjects.left_words(connection, asked.month))
    as_of_us = to_us(as_of)
    # Totals have the sites that are known now, whatever the caller's clock says.
    known = known_at(connection, store_versions.EVER_US if rolled else as_of_us)
    window = Window(interval, as_of_us, rolled=rolled)
    told = pieces.Asked(interval, zone, as_of)
    cut = pieces.gather(connection, told, known.sia, known.sites)
    grid = grids.gather(connection, told, known.sites)
    parts = [piece.interval for piece in cut]
    aliases = known.aliases
    served = servers.gather(
        connection, window, parts, known.servers, known.sites, grid=grid, aliases=aliases
    )
    outside = externals.used(connection, window, known.externals, left=left, aliases=aliases)
    users = {*(one.line.consumer for one in outside), *_users(served)}
    of = subjects.subject(connection, asked, known, window, users)
    if of.consumers is not None:
        facts = store_totals if rolled else store_facts
        used_hosts = facts.hosts_of(
            connection, window, aliases.names(subjects.with_servers(of, served))
        )
        window = Window(interval, as_of_us, used_hosts, rolled)
    cover = covers.gather(connection, window, as_of)
    asks = periods.Asked(window, cut, known.sites, of.consumers, aliases)
    energies = divided(periods.gather(connection, asks, grid), served, of.consumers)
    return Gathered(
        asked, zone, as_of, left, known, window, cut, grid, served, outside, of, cover, energies
    )


def stated(connection: Connection, got: Gathered) -> Statement:
    """The statement of what was gathered."""
    interval, as_of, known, window = got.window.interval, got.as_of, got.known, got.window
    left, of, cover, energies = got.left, got.of, got.cover, got.energies
    whole = of.scope.kind == "all"
    off = Intervals(
        energies,
        {one: figures.coverage(cover.devices, {one}) for one in figures.COMPONENTS},
        of.project,
        splits=splits(got.served),
        grid=got.grid,
    )
    lines = off.lines(figures.lines(energies, cover.devices, of.project))
    made = Made(got.served, _shared_lines(energies, got.served), known.named, known.units)
    total, uncertain = off.total(figures.total(lines, figures.coverage(cover.devices)), whole=whole)
    cites = cited(
        amounts.standing(energies, of.project),
        [piece.terms[NO_SITE] for piece in got.cut],
        got.grid,
    )
    totals = off.consumers(figures.consumer_totals(lines, cover.devices, known.named), lines)
    shown = made.servers(of.consumers)
    hosts = boundaries(connection, window)
    heads = left.ledgers_of(window.hosts) if left else store_facts.ledgers(connection, window)
    gateways = left.usage_ledgers if left else store_servers.usage_ledgers(connection, window)
    whose = externals.Whose(of.consumers, of.project, known.sia, known.named)
    used = externals.gather(
        connection, window, known.externals, whose, lines=got.outside, left=left
    )
    strangers = externals.strangers(connection, window, known, whose, left=left)
    tokens = externals.tokens_inside(_of_scope(got.served, of), shown, totals)
    usage_ledgers = gateways if shown or used else []
    if not whole:
        # Who else's servers are told of is not theirs to know.
        codes = [one.code for one in shown]
        codes += [one.code for one in used.services] if used else []
        told = _gateways(connection, got, codes)
        usage_ledgers = [one for one in usage_ledgers if one.host_id in told]
    platform = left.platform if left else None
    if whole and left is None:
        platform = platforms.gather(connection, window, [host.host_id for host in hosts], cover)
    carried = Carried(
        known.named,
        makings.of_servers(got.served),
        of.consumers,
        of.project,
        makings.by_project(energies) if of.project else {},
    )
    named = makings.Named(known.aliases, [piece.interval for piece in got.cut])
    making = makings.gather(
        connection,
        window,
        known.hardware,
        carried,
        as_of=as_of,
        hosts=[host.host_id for host in hosts],
        named=named,
    )
    return Statement(
        format=1,
        month=got.asked.month,
        start=interval.start,
        end=interval.end,
        as_of=as_of,
        closed=False,
        scope=of.scope,
        method_version=METHOD_VERSION,
        zone=got.zone,
        total=total,
        consumers=made.with_efficiency(totals),
        components=off.components(
            figures.component_totals(lines, cover.devices), lines, whole=whole
        ),
        lines=lines,
        hosts=hosts,
        gaps=cover.gaps,
        factors=cites.factors,
        omissions=_omissions(cites.pues, left),
        quarantined_pages=_quarantined(connection, window, left),
        ledgers=heads,
        platform=platform if whole else None,
        servers=shown,
        usage_ledgers=usage_ledgers,
        ledgers_root=merkle.root(merkle.leaves(heads, usage_ledgers)),
        sites=figures.site_totals(
            total, cites.pues, {code: site.name for code, site in known.sites.items()}
        ),
        pues=cites.pues,
        wues=cites.wues,
        impacts=cites.impacts,
        impact_factors=cites.impact_factors,
        zones_without_factor=cites.zones_without_factor,
        views=cites.views,
        contracts=cites.contracts,
        grid=cites.grid,
        embodied=making,
        sci=[]
        if of.project
        else makings.intensities(
            connection,
            window,
            making,
            totals=totals,
            units=known.units,
            served=got.served,
            named=named,
        ),
        uncertainty=uncertain,
        externals=externals.with_dependence(
            used, total, tokens, complete=not strangers, whole=of.project is None
        ),
        usage_unregistered=strangers,
    )


def _omissions(pues: Iterable[PueUse], left: Facts | None) -> list[str]:
    """What is in no figure of a statement."""
    unknown = any(pue.state == "unknown" for pue in pues)
    return [
        *OMISSIONS,
        *([PUE_UNKNOWN] if unknown else []),
        *([archived_facts.OMISSION] if left else []),
    ]


def _quarantined(connection: Connection, window: Window, left: Facts | None) -> int:
    """Of a month that has left: what was counted then, and what came for it since."""
    count = store_facts.quarantined_pages(connection, window)
    if left is None:
        return count
    before = msgspec.structs.replace(window, as_of_us=left.at_us)
    since = count - store_facts.quarantined_pages(connection, before)
    return left.quarantined_of(window.hosts) + since


def _gateways(connection: Connection, got: Gathered, codes: Sequence[str]) -> set[str]:
    """Those that told anything of some servers."""
    if got.left is not None:
        found = [*got.left.lines, *got.left.totals]
        return {one.host_id for one in found if one.line.server in codes}
    return store_usage.gateways(connection, got.window, codes)


def _users(served: Iterable[Served]) -> set[str]:
    """All who used shared servers."""
    return {consumer for one in served for consumer in one.consumers}


def _of_scope(served: Iterable[Served], subject: Subject) -> list[Served]:
    """The servers that the subject may have used: of a server itself, that one."""
    own = subject.consumers if subject.scope.kind == "server" else None
    return [one for one in served if own is None or one.split.rules.code in own]


def splits(served: Iterable[Served]) -> dict[tuple[str, str], Share]:
    """Everybody's part of each server."""
    return {
        (one.split.rules.code, consumer): share
        for one in served
        for consumer, share in one.split.shares.items()
    }


def divided(
    energies: Iterable[Period], served: Sequence[Served], consumers: tuple[str, ...] | None
) -> list[Period]:
    """`energies` with the cells of servers exchanged for what they were divided into, of
    `consumers` (None: of all)."""
    codes = {one.split.rules.code for one in served}
    return [
        msgspec.structs.replace(
            period,
            cells=[cell for cell in period.cells if sia_of(cell.consumer) not in codes]
            + [
                cell
                for one in served
                for cell in one.split.cells[place]
                if consumers is None or cell.consumer in consumers
            ],
        )
        for place, period in enumerate(energies)
    ]


def _shared_lines(energies: Iterable[Period], served: Sequence[Served]) -> list[Line]:
    """The lines via servers of all consumers, whatever the statement's scope."""
    without = [msgspec.structs.replace(period, cells=[]) for period in energies]
    return figures.lines(divided(without, served, None), []) if served else []


def boundaries(connection: Connection, window: Window) -> list[HostBoundary]:
    """What of each host is inside the figures, and which components nobody measures there."""
    present: dict[str, dict[Component, list[Quality]]] = {}
    facts = store_totals if window.rolled else store_facts
    for host_id, component, quality in facts.qualities(connection, window):
        present.setdefault(host_id, {}).setdefault(component, []).append(quality)
    return [
        HostBoundary(
            host_id,
            "components",
            found,
            [component for component in figures.COMPONENTS if component not in found],
        )
        for host_id, found in present.items()
    ]
