"""The `footprint` command: serve, migrate, import, export, statement, restatement, close,
verify, trend, evidence, usage, models, access, admin, budget, alert-test, fsck, archive, db, fleet.

Every failure is one line on standard error and exit code 1; wrong usage is 2.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from footprint import METHOD_VERSION, __version__
from footprint.fleet import command as fleet

try:
    from footprint.service import (
        cli_access,
        cli_admin,
        cli_alerts,
        cli_archive,
        cli_budget,
        cli_close,
        cli_db,
        cli_evidence,
        cli_export,
        cli_fsck,
        cli_import,
        cli_models,
        cli_readmit,
        cli_restatement,
        cli_serve,
        cli_statement,
        cli_trend,
        cli_usage,
        cli_verify,
        damage,
        place,
    )
    from footprint.service import settings as setting
    from footprint.service.clock import utc_now
    from footprint.service.errors import CommandError, SettingError
    from footprint.service.store import StoreError
except ModuleNotFoundError as error:  # the package was installed for the agent alone
    raise SystemExit(
        f"footprint: {error.name} is missing; install the service: pip install 'footprint[service]'"
    ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    try:
        code = _main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough (Python, signal: Note on SIGPIPE)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _main(arguments: Sequence[str] | None) -> int:
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except (StoreError, place.PlaceError, SettingError, CommandError) as error:
        sys.stderr.write(f"footprint: {error}\n")
        return 1
    except damage.UNREADABLE as error:
        if getattr(chosen, "url", None) or not hasattr(chosen, "database"):  # none is at fault
            raise
        sys.stderr.write(f"footprint: {damage.explain(chosen.database, error)}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="footprint", description="The environmental footprint of AI systems: the service."
    )
    parser.add_argument(
        "--version", action="version", version=f"footprint {__version__} (method {METHOD_VERSION})"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_migrate(commands)
    _add_import(commands)
    _add_statement(commands)
    _add_restatement(commands)
    _add_trend(commands)
    _add_usage(commands)
    _add_close(commands)
    cli_verify.add(commands.add_parser("verify", help="check a published month's file by itself"))
    cli_export.add(commands.add_parser("export", help="the register as a file"))
    cli_models.add(
        commands.add_parser("models", help="AI models outside the house that can be estimated")
    )
    cli_evidence.add(
        commands.add_parser("evidence", help="hold a published statement against the pages")
    )
    cli_access.add(commands.add_parser("access", help="who may write: enrolment, tokens, log"))
    cli_admin.add(commands.add_parser("admin", help="accounts: who may sign in, and may what"))
    cli_budget.add(commands.add_parser("budget", help="budgets, and what became of them"))
    cli_alerts.add_test(
        commands.add_parser("alert-test", help="send one message to everyone who would be told")
    )
    fsck = commands.add_parser("fsck", help="check that the database agrees with its pages")
    cli_fsck.add(fsck)
    cli_readmit.add(
        commands.add_parser("readmit", help="count pages that came while this clock was behind")
    )
    cli_archive.add(commands.add_parser("archive", help="let old months leave as verified files"))
    cli_db.add(commands.add_parser("db", help="the database's own matters"))
    _add_fleet(commands)
    return parser


Commands = argparse._SubParsersAction  # the only name argparse gives this type


def _add_zone(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--zone",
        default=setting.DEFAULT_ZONE,
        help="zone of the electricity factors (default: %(default)s)",
    )


def _add_serve(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("serve", help="take pages in and show figures")
    place.add_option(parser)
    _add_zone(parser)
    cli_serve.add(parser)


def _add_migrate(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("migrate", help="make the database, or bring it up to date")
    place.add_option(parser)
    parser.set_defaults(run=_migrate)


def _migrate(chosen: argparse.Namespace) -> int:
    from footprint.service.store import open_store  # noqa: PLC0415 - slow to import

    open_store(chosen.database, create=True, migrate=True, now=utc_now()).close()
    return 0


def _add_import(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "import", help="take a register, factors or node energy from files"
    )
    cli_import.add(parser)


def _add_fleet(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "fleet", help="simulate agents against a running service, and account for every microjoule"
    )
    fleet.add(parser)


def _add_statement(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("statement", help="a month's figures as JSON, CSV or HTML")
    place.add_option(parser)
    _add_zone(parser)
    cli_statement.add(parser)


def _add_restatement(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("restatement", help="what a month is now against what was known")
    place.add_option(parser)
    _add_zone(parser)
    cli_restatement.add(parser)


def _add_trend(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("trend", help="months side by side, also at a constant factor")
    place.add_option(parser)
    _add_zone(parser)
    cli_trend.add(parser)


def _add_close(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("close", help="close the month that has ended, and publish it")
    place.add_option(parser)
    _add_zone(parser)
    cli_close.add(parser)


def _add_usage(commands: "Commands[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("usage", help="a shared server's stored facts, and their division")
    place.add_option(parser)
    cli_usage.add(parser)


if __name__ == "__main__":
    sys.exit(main())
