"""`footprint trend`: months side by side on standard output, also at a constant factor."""

import argparse
import sys

from footprint.service.clock import utc_now
from footprint.service.errors import CommandError

FORMATS = ("json", "csv", "html")


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--to", metavar="YYYY-MM", help="the last month (default: the present one)")
    parser.add_argument(
        "--months", type=int, default=12, metavar="N", help="how many (default: %(default)s)"
    )
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--project", metavar="CODE", help="one project's share")
    scope.add_argument("--sia", metavar="CODE", help="one SIA")
    parser.add_argument(
        "--factor-of", metavar="YYYY-MM", help="whose factor is kept (default: the last month's)"
    )
    parser.add_argument("--format", choices=FORMATS, default="csv")
    parser.add_argument("--lang", choices=("fr", "en"), default="fr", help="language of HTML")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Write the trend to standard output."""
    from footprint.service import rollups, subjects, trend_formats, trends  # noqa: PLC0415 - slow
    from footprint.service.store import open_store  # noqa: PLC0415 - slow to import

    asked = trends.Asked(chosen.to, chosen.months, chosen.project, chosen.sia, chosen.factor_of)
    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    try:
        with rollups.figures(store) as connection:
            found = trends.trend(connection, asked, chosen.zone, utc_now())
    except subjects.ReportError as error:
        raise CommandError(f"trend: {error}") from error
    finally:
        store.close()
    sys.stdout.buffer.write(trend_formats.render(found, chosen.format, chosen.lang, alone=True))
    sys.stdout.buffer.flush()
    return 0
