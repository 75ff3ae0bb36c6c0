"""Builds statements: gathers facts from the store as of an instant, and lets the method sum them.

In: a read connection. Out: `Statement`. The same code serves API, CLI and every format.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from footprint import METHOD_VERSION, factors, figures
from footprint.figures import Named, Period
from footprint.interval import Interval, paris_date, paris_month, to_us
from footprint.ledger import Component, Quality
from footprint.service import (
    covers,
    platforms,
    register,
    store_factors,
    store_facts,
    store_register,
)
from footprint.service.register import Sia
from footprint.service.store_facts import Window
from footprint.statement import FactorUse, HostBoundary, Line, Scope, Statement

OMISSIONS = ("platform", "pue_unknown", "embodied", "network_storage_terminals")
"""What no figure holds yet: the rest of the host beside its components, cooling and losses of the
data centre, making the hardware, what lies outside the host."""


class ReportError(ValueError):
    """A report that cannot be made of what was asked; the message says what and the remedy.
    `unknown` where the words are right but nothing bears that code."""

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


class Subject(msgspec.Struct, frozen=True):
    """Whose figures: `consumers` of the ledger (None: all), and the project whose share counts."""

    scope: Scope
    consumers: tuple[str, ...] | None
    project: str | None


class Asked(msgspec.Struct, frozen=True):
    """What a statement is asked for. `project` and `sia` exclude each other."""

    month: str
    project: str | None = None
    sia: str | None = None


def statement(connection: Connection, asked: Asked, zone: str, as_of: datetime) -> Statement:
    """The month's figures so far, as known at `as_of`.

    Raises ReportError for a wrong month or an unknown project or SIA, FactorError for a zone
    without a factor.
    """
    interval = _month(asked.month)
    as_of_us = to_us(as_of)
    known = store_register.sia(connection, as_of_us)
    subject = _subject(connection, asked, known, as_of_us)
    window = Window(interval, as_of_us)
    if subject.consumers is not None:
        used_hosts = store_facts.hosts_of(connection, window, subject.consumers)
        window = Window(interval, as_of_us, used_hosts)
    cover = covers.gather(connection, window, as_of)
    all_factors = store_factors.all_factors(connection)
    pieces = factors.headline_periods(all_factors, zone, interval, as_of)
    periods = periods_of(connection, window, pieces, known, subject.consumers)
    lines = figures.lines(periods, cover.devices, subject.project)
    named = Named({code: item.name for code, item in known.items()})
    hosts = boundaries(connection, window)
    whole = subject.scope.kind == "all"
    return Statement(
        format=1,
        month=asked.month,
        start=interval.start,
        end=interval.end,
        as_of=as_of,
        closed=False,
        scope=subject.scope,
        method_version=METHOD_VERSION,
        zone=zone,
        total=figures.total(lines, figures.coverage(cover.devices)),
        consumers=figures.consumer_totals(lines, cover.devices, named),
        components=figures.component_totals(lines, cover.devices),
        lines=lines,
        hosts=hosts,
        gaps=cover.gaps,
        factors=used(lines, [use for _, use in pieces]),
        omissions=list(OMISSIONS),
        quarantined_pages=store_facts.quarantined_pages(connection, window),
        ledgers=store_facts.ledgers(connection, window),
        platform=(
            platforms.gather(connection, window, [host.host_id for host in hosts], cover.devices)
            if whole
            else None
        ),
    )


def _month(month: str) -> Interval:
    try:
        return paris_month(month)
    except ValueError as error:
        raise ReportError(str(error)) from error


def _subject(
    connection: Connection, asked: Asked, known: Mapping[str, Sia], as_of_us: int
) -> Subject:
    if asked.project is not None and asked.sia is not None:
        raise ReportError("project, sia: give one of them, not both")
    if asked.project is not None:
        return _project(connection, asked.project, known, as_of_us)
    if asked.sia is not None:
        return _sia(connection, asked.sia, known)
    return Subject(Scope("all", None, None), None, None)


def _project(connection: Connection, code: str, known: Mapping[str, Sia], as_of_us: int) -> Subject:
    project = store_register.projects(connection, as_of_us).get(code)
    if project is None:
        raise ReportError(
            f"project: {code!r} is not registered; use: footprint import registry FILE",
            unknown=True,
        )
    carried = tuple(
        item.code for item in known.values() if any(s.project == code for s in item.shares)
    )
    return Subject(Scope("project", code, project.name), carried, code)


def _sia(connection: Connection, code: str, known: Mapping[str, Sia]) -> Subject:
    found = known.get(code)
    if found is None and not store_facts.has_consumer(connection, code):
        raise ReportError(
            f"sia: {code!r} is neither registered nor in any page; check the code", unknown=True
        )
    return Subject(Scope("sia", code, found.name if found else None), (code,), None)


def periods_of(
    connection: Connection,
    window: Window,
    pieces: Iterable[tuple[Interval, FactorUse | None]],
    known: Mapping[str, Sia],
    consumers: tuple[str, ...] | None = None,
) -> list[Period]:
    """Energies over pieces in which one factor and one set of shares hold."""
    days = {
        day
        for item in known.values()
        for share in item.shares
        for day in (share.from_, share.to)
        if day is not None
    }
    return [
        Period(
            factor,
            store_facts.cells(
                connection, msgspec.structs.replace(window, interval=part), consumers
            ),
            _shares(known, part),
        )
        for piece, factor in pieces
        for part in factors.cut_at(piece, days)
    ]


def _shares(known: Mapping[str, Sia], part: Interval) -> dict[str, Mapping[str, int]]:
    day = paris_date(part.start)
    return {code: register.permille(item.shares, day) for code, item in known.items()}


def used(lines: Iterable[Line], uses: Iterable[FactorUse]) -> list[FactorUse]:
    """The factors that lines cite; without lines, those that would apply."""
    by_id = {use.id: use for use in uses}
    cited = {name for line in lines for name in line.figure.factors} or set(by_id)
    return [by_id[name] for name in sorted(cited)]


def boundaries(connection: Connection, window: Window) -> list[HostBoundary]:
    """What of each host is inside the figures, and which components nobody measures there."""
    present: dict[str, dict[Component, list[Quality]]] = {}
    for host_id, component, quality in store_facts.qualities(connection, window):
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
