"""Whose figures are asked for, of which month; and why there may be none.

In: what a caller says, the register. Out: `Subject`.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

import msgspec
from sqlalchemy import Connection

from footprint.interval import Interval, from_us, paris_date, paris_month
from footprint.service import store_archived, store_facts, store_register, store_totals
from footprint.service.known import Known
from footprint.service.register import Sia
from footprint.service.store_facts import Window
from footprint.shared_figures import Served
from footprint.statement import Scope


class ReportError(ValueError):
    """A report that cannot be made of what was asked; the message says what and the remedy.
    `unknown` where the words are right but nothing bears that code."""

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


def unknown_project(code: str) -> ReportError:
    """There is no such project, or none that the caller may know of."""
    remedy = "use: footprint import registry FILE"
    return ReportError(f"project: {code!r} is not registered; {remedy}", unknown=True)


def unknown_sia(code: str) -> ReportError:
    """There is no such SIA, or none that the caller may know of."""
    remedy = "check the code"
    told = f"sia: {code!r} is neither registered nor in any page; {remedy}"
    return ReportError(told, unknown=True)


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


def left_words(connection: Connection, month: str) -> str:
    """What to say to whoever asks for pages of a month that has left."""
    left = next(one for one in store_archived.months(connection) if one.month == month)
    return (
        f"month {month}: its pages left this database for {left.file} at "
        f"{from_us(left.at_us).isoformat()}; its statement, as known since, can be had"
    )


def with_servers(subject: Subject, served: Iterable[Served]) -> tuple[str, ...]:
    """The subject's consumers and the shared servers that they used: where their energy was."""
    own = subject.consumers or ()
    used = (one.split.rules.code for one in served if one.consumers & {*own})
    return (*own, *used)


def month_interval(month: str) -> Interval:
    """The interval of a month; ReportError where it is none."""
    try:
        return paris_month(month)
    except ValueError as error:
        raise ReportError(str(error)) from error


def subject(
    connection: Connection,
    asked: Asked,
    known: Known,
    window: Window,
    users: Collection[str],
) -> Subject:
    """Whose figures are asked for. `users` are those of services of which no page need tell. Raises
    ReportError for an unknown project or SIA."""
    facts = store_totals if window.rolled else store_facts
    if asked.project is not None and asked.sia is not None:
        raise ReportError("project, sia: give one of them, not both")
    if asked.project is not None:
        return _project(connection, asked.project, known.sia, window.as_of_us)
    if asked.sia is not None:
        code = _whose(known, asked.sia, window.interval)
        kind, name, registered = known.named.of(code)
        told = registered or code in users
        scope = Scope("server" if kind == "server" else "sia", code, name)
        if not told and not facts.has_consumer(connection, code):
            raise unknown_sia(asked.sia)
        return Subject(scope, (code,), None)
    return Subject(Scope("all", None, None), None, None)


def _whose(known: Known, code: str, interval: Interval) -> str:
    """Whose figures a code stands for in a month: a SIA's where it is its alias on every day, else
    its own, which has a line there."""
    first, end = paris_date(interval.start), paris_date(interval.end)
    days = (first + timedelta(days=number) for number in range((end - first).days))
    found = {known.aliases.of(code, day) for day in days}
    return found.pop() if len(found) == 1 else code


def _project(connection: Connection, code: str, known: Mapping[str, Sia], as_of_us: int) -> Subject:
    project = store_register.projects(connection, as_of_us).get(code)
    if project is None:
        raise unknown_project(code)
    carried = tuple(
        item.code for item in known.values() if any(s.project == code for s in item.shares)
    )
    return Subject(Scope("project", code, project.name), carried, code)
