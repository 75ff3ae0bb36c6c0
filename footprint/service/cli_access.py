"""`footprint access`: codes for hosts to enrol with, their tokens, and the audit log.

It works on the database, as whoever may write that: a service need not run. What is secret is
printed once, alone on standard output; everything else about it goes to standard error.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from footprint import codes
from footprint.interval import from_us, to_us
from footprint.service import access, audit, place, store_access, store_audit
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError
from footprint.service.store import open_store
from footprint.service.store_access import Code, Token
from footprint.service.store_audit import Event

MOST_DAYS = 90


def add(parser: argparse.ArgumentParser) -> None:
    """The command's own commands."""
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(
        name: str, run: Callable[[argparse.Namespace], int], says: str
    ) -> argparse.ArgumentParser:
        found = verbs.add_parser(name, help=says)
        place.add_option(found)
        found.set_defaults(run=run)
        return found

    code = verb("code", _code, "make a code with which one host enrols, once")
    whose = code.add_mutually_exclusive_group(required=True)
    whose.add_argument("--host", metavar="CODE", help="the host that may use it")
    whose.add_argument("--any", action="store_true", help="any host that is not known yet")
    code.add_argument("--days", type=int, default=2, metavar="N", help="how long (default: 2)")
    verb("list", _list, "codes and tokens, and what became of them")
    revoke = verb("revoke", _revoke, "take a host's tokens back, or one, or a code")
    what = revoke.add_mutually_exclusive_group(required=True)
    what.add_argument("--host", metavar="CODE", help="every token of a host")
    what.add_argument("--token", metavar="ID", help="one token (fph_...)")
    what.add_argument("--code", metavar="ID", help="a code that is not used yet (fpe_...)")
    log = verb("log", _log, "the audit log: who did what, when, with which outcome")
    log.add_argument("--days", type=int, default=30, metavar="N", help="(default: 30)")
    log.add_argument("--host", metavar="CODE", help="of one host")


def _code(chosen: argparse.Namespace) -> int:
    if not 1 <= chosen.days <= MOST_DAYS:
        raise CommandError(f"--days {chosen.days}: write 1 to {MOST_DAYS}")
    host_id = None if chosen.any else _host(chosen.host)
    with _writing(chosen) as (connection, now):
        made = access.make_code(connection, host_id, chosen.days * access.US_PER_DAY, to_us(now))
        audit.by_command(connection, now, f"make {made.id}", host_id)
    whose = f"host {host_id}" if host_id else "any host that is not known yet"
    sys.stderr.write(f"footprint: {made.id}: for {whose}, {chosen.days} days, once; shown once:\n")
    sys.stdout.write(f"{made.text}\n")
    return 0


def _list(chosen: argparse.Namespace) -> int:
    now = utc_now()
    with _reading(chosen) as connection:
        held, made = store_access.tokens(connection), store_access.codes(connection)
    for token in held:
        print(_columns(token.token_id, token.host_id, token.created_us, _state_of_token(token)))  # noqa: T201
    for code in made:
        state = _state_of_code(code, to_us(now))
        print(_columns(code.code_id, code.host_id or "(any)", code.created_us, state))  # noqa: T201
    return 0


def _revoke(chosen: argparse.Namespace) -> int:
    what, name = next(
        (what, name) for what in ("host", "token", "code") if (name := getattr(chosen, what))
    )
    with _writing(chosen) as (connection, now):
        now_us = to_us(now)
        if what == "host":
            done = store_access.revoke_host(connection, _host(name), now_us) > 0
        elif what == "token":
            done = store_access.revoke_token(connection, name, now_us)
        else:
            done = store_access.use_code(connection, name, now_us, None)
        if not done:
            raise CommandError(
                f"--{what} {name}: nothing valid to revoke; see: footprint access list"
            )
        audit.by_command(connection, now, f"revoke {what} {name}", name if what == "host" else None)
    sys.stderr.write(f"footprint: revoked {what} {name}\n")
    return 0


def _log(chosen: argparse.Namespace) -> int:
    since_us = to_us(utc_now()) - chosen.days * access.US_PER_DAY
    with _reading(chosen) as connection:
        for event in store_audit.lines(connection, since_us, chosen.host):
            print(_line(event))  # noqa: T201 - what was asked for
    return 0


def _line(event: Event) -> str:
    return "  ".join(
        (_instant(event.at_us), event.actor, event.action, event.host_id or "-", event.outcome)
    )


def _columns(name: str, host_id: str, made_us: int, state: str) -> str:
    return f"{name}  {host_id}  made {_instant(made_us)}  {state}"


def _state_of_token(token: Token) -> str:
    if token.revoked_us is not None:
        return f"revoked {_instant(token.revoked_us)}"
    if token.first_used_us is None:
        return "not used yet"
    return f"in use since {_instant(token.first_used_us)}"


def _state_of_code(code: Code, now_us: int) -> str:
    if code.used_us is not None:
        how = f"used for {code.token_id}" if code.token_id else "revoked"
        return f"{how} {_instant(code.used_us)}"
    return "expired" if code.expires_us <= now_us else f"valid until {_instant(code.expires_us)}"


def _instant(us: int) -> str:
    return from_us(us).strftime("%Y-%m-%dT%H:%M:%SZ")


def _host(text: str) -> str:
    try:
        return codes.check_code(text, "--host")
    except ValueError as error:
        raise CommandError(str(error)) from error


@contextmanager
def _writing(chosen: argparse.Namespace) -> Iterator[tuple[Connection, datetime]]:
    now = utc_now()
    store = open_store(chosen.database, create=False, migrate=False, now=now)
    try:
        with store.write() as connection:
            yield connection, now
    finally:
        store.close()


@contextmanager
def _reading(chosen: argparse.Namespace) -> Iterator[Connection]:
    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    try:
        with store.read() as connection:
            yield connection
    finally:
        store.close()
