"""`footprint budget`: budgets by hand, on the database itself.

In: command line arguments, a YAML file. Out: a table, what became of a budget, or what was changed.
A file is taken whole or not at all; what it revises says why (`reason`), as over the API.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from footprint.burn import BurnUp
from footprint.service import (
    audit,
    budgets,
    budgets_file,
    place,
    preview,
    store_budgets,
    store_register,
)
from footprint.service import settings as setting
from footprint.service.budgets import Held
from footprint.service.budgets_file import BudgetsFile
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError
from footprint.service.register import RegisterError
from footprint.service.store import open_store

FORMATS = ("csv", "json", "html")


def add(parser: argparse.ArgumentParser) -> None:
    """The command's own commands."""
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(
        name: str, run: Callable[[argparse.Namespace], int], says: str
    ) -> argparse.ArgumentParser:
        found = verbs.add_parser(name, help=says)
        place.add_option(found)
        found.add_argument(
            "--zone",
            default=setting.DEFAULT_ZONE,
            help="zone of the electricity factors (default: %(default)s)",
        )
        found.set_defaults(run=run)
        return found

    verb("list", _list, "budgets, and how each stands")
    show = verb("show", _show, "what became of one: used, planned, forecast")
    show.add_argument("code", metavar="CODE")
    show.add_argument("--format", choices=FORMATS, default="csv")
    show.add_argument("--lang", choices=("fr", "en"), default="fr", help="language of HTML")
    change = verb("set", _set, "make or revise the budgets of a YAML file, all or none")
    change.add_argument("file", type=Path, metavar="FILE")
    change.add_argument(
        "--preview", action="store_true", help="say what would change, store nothing"
    )


def _list(chosen: argparse.Namespace) -> int:
    with _figures(chosen) as connection:
        for held in store_budgets.budgets(connection).values():
            sys.stdout.write(f"{_line(held, _burn(connection, chosen, held))}\n")
    return 0


def _line(held: Held, burn: BurnUp | None) -> str:
    budget = held.budget
    whose = f"project {budget.project}" if budget.project else f"sia {budget.sia}"
    unit = budgets.UNITS[budget.indicator]
    state = "cannot be watched: what it is about has left the register"
    if burn is not None:
        part = "unknown" if burn.used is None else f"{burn.used * 100 // burn.amount_base} % used"
        state = f"{part}  {burn.state}"
    ended = "  ended" if budget.ended else ""
    amount = f"{budget.amount:f} {unit}"
    return f"{budget.code}  {whose}  {budget.indicator}  {budget.period}  {amount}  {state}{ended}"


def _show(chosen: argparse.Namespace) -> int:
    from footprint.service import budget_formats  # noqa: PLC0415 - slow

    with _figures(chosen) as connection:
        held = store_budgets.budgets(connection, code=chosen.code).get(chosen.code)
        if held is None:
            raise CommandError(
                f"budget {chosen.code[:80]!r}: there is none; see: footprint budget list"
            )
        burn = _burn(connection, chosen, held)
        if burn is None:
            raise CommandError(f"budget {chosen.code}: what it is about has left the register")
    sys.stdout.buffer.write(budget_formats.render(burn, chosen.format, chosen.lang))
    sys.stdout.buffer.flush()
    return 0


def _burn(connection: Connection, chosen: argparse.Namespace, held: Held) -> BurnUp | None:
    """None where what it is about is gone."""
    from footprint.service import burns, subjects  # noqa: PLC0415 - slow
    from footprint.service.trend_months import CommonMonths  # noqa: PLC0415 - slow

    try:
        return burns.burn_up(connection, held, chosen.zone, utc_now(), CommonMonths())
    except subjects.ReportError:
        return None


@contextmanager
def _figures(chosen: argparse.Namespace) -> Iterator[Connection]:
    from footprint.service import rollups  # noqa: PLC0415 - slow

    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    try:
        with rollups.figures(store) as connection:
            yield connection
    finally:
        store.close()


def _set(chosen: argparse.Namespace) -> int:
    file = budgets_file.read(chosen.file)
    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    try:
        with preview.writing(store, preview=chosen.preview) as connection:
            said = list(_changes(connection, file))
    finally:
        store.close()
    said += [preview.SAID] if chosen.preview else []
    sys.stdout.write("".join(f"{line}\n" for line in said))
    return 0


def _changes(connection: Connection, file: BudgetsFile) -> Iterator[str]:
    now = utc_now()
    register = store_register.held(connection)
    held = store_budgets.budgets(connection)
    for number, budget in enumerate(file.budgets):
        before = held.get(budget.code)
        was = before.budget if before else None
        if was == budget:
            yield f"{budget.code}: as it is"
            continue
        try:
            budgets.check(budget, register, was)
        except RegisterError as error:
            raise file.at(number, str(error)) from error
        store_budgets.revise(connection, before, budget, audit.COMMAND, now)
        audit.by_command(connection, now, f"budget {budget.code}", before=was, after=budget)
        yield f"{budget.code}: {'revised' if before else 'made'}"
