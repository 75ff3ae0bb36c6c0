"""`footprint statement`: a month's figures on standard output, from the database or a service."""

import argparse
import http.client
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from footprint import factors
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from footprint.service.store import Store

FORMATS = ("json", "csv", "html")
URL_SECONDS = 60


def add(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help="month (Europe/Paris)")
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--project", metavar="CODE", help="one project's share")
    scope.add_argument("--sia", metavar="CODE", help="one SIA")
    parser.add_argument("--format", choices=FORMATS, default="json")
    parser.add_argument("--lang", choices=("fr", "en"), default="fr", help="language of HTML")
    parser.add_argument(
        "--as-of", metavar="INSTANT", help="as known then: 2026-12-01T00:00:00Z (default: now)"
    )
    parser.add_argument("--url", help="ask a running service instead of the database")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Write the statement to standard output."""
    content = _fetch(chosen) if chosen.url else _render(chosen)
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    return 0


def _render(chosen: argparse.Namespace) -> bytes:
    from footprint.service import formats, reports, subjects  # noqa: PLC0415 - slow to import
    from footprint.service.store import open_store  # noqa: PLC0415 - slow to import

    as_of = instant(chosen.as_of, "--as-of") if chosen.as_of else None
    asked = subjects.Asked(chosen.month, chosen.project, chosen.sia)
    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    try:
        with _known(store, as_of) as (connection, at):
            statement = reports.statement(connection, asked, chosen.zone, at, rolled=as_of is None)
    except subjects.ReportError as error:
        raise CommandError(f"statement: {error}") from error
    finally:
        store.close()
    for zone in statement.zones_without_factor:
        sys.stderr.write(f"footprint: warning: no grams are shown: {factors.lacking(zone)}\n")
    return formats.render(statement, chosen.format, chosen.lang, alone=True)


@contextmanager
def _known(store: "Store", as_of: datetime | None) -> "Iterator[tuple[Connection, datetime]]":
    """What is known now and when that is, or what was known as of an instant that has been."""
    from footprint.service import rollups  # noqa: PLC0415 - slow to import

    if as_of is None:
        with rollups.settled(store, utc_now) as found:
            yield found
        return
    if as_of > utc_now():
        raise CommandError(f"--as-of {as_of.isoformat()}: is yet to come; give an earlier one")
    with store.read() as connection:
        yield connection, as_of


def instant(text: str, option: str) -> datetime:
    """The instant that an option's text names; CommandError where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError(f"{option} {text}: write an instant with its zone: 2026-12-01T00:00:00Z")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise CommandError(f"{option} {text}: the calendar does not reach it") from None


def _fetch(chosen: argparse.Namespace) -> bytes:
    if chosen.as_of:
        raise CommandError("--as-of: only with --database")
    _check_url(chosen.url)
    words = {"format": chosen.format, "lang": chosen.lang, "alone": "true"}
    words |= {name: value for name in ("project", "sia") if (value := getattr(chosen, name))}
    month = urllib.parse.quote(chosen.month, safe="")
    url = f"{chosen.url.rstrip('/')}/v1/statements/{month}?{urllib.parse.urlencode(words)}"
    try:
        with urllib.request.urlopen(url, timeout=URL_SECONDS) as answer:  # noqa: S310 - checked
            content: bytes = answer.read()
            return content
    except urllib.error.HTTPError as error:
        raise CommandError(f"statement: {_detail(error)}") from error
    except http.client.HTTPException as error:
        raise CommandError(f"--url {chosen.url}: does not speak HTTP; check the port") from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise CommandError(f"--url {chosen.url}: {reason}; is the service running?") from error


def _check_url(url: str) -> None:
    try:
        parts = urllib.parse.urlsplit(url)
        named = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        named = None
    if not named or not url.isprintable() or " " in url:
        raise CommandError(f"--url {url!r}: write http://HOST:PORT")


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(msgspec.json.decode(error.read())["detail"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"the service answered {error.code}"
