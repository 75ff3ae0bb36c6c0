"""`footprint admin`: accounts of people and tokens of programs, and what each may.

It works on the database, as whoever may write that: the first administrator is made here. What is
secret is printed once, alone on standard output; everything else about it goes to standard error.
"""

import argparse
import getpass
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from footprint.interval import to_us
from footprint.service import accounts, accounts_api, audit, place, store_accounts
from footprint.service.clock import utc_now
from footprint.service.errors import CommandError
from footprint.service.roles import GIVEN, MEANINGS, Rights
from footprint.service.store import open_store
from footprint.service.store_accounts import Account

ROLES = "; ".join(f"{role}: {MEANINGS[role]}" for role in GIVEN)


def add(parser: argparse.ArgumentParser) -> None:
    """The command's own commands."""
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(
        name: str, run: Callable[[argparse.Namespace], int], says: str
    ) -> argparse.ArgumentParser:
        found = verbs.add_parser(name, help=says)
        place.add_option(found)
        found.set_defaults(run=run, verb=name)
        return found

    create = verb(
        "create", _create, "make a local account, an administrator's unless told otherwise"
    )
    create.add_argument("login", metavar="LOGIN")
    _add_rights(create)
    _add_password(create)
    token = verb(
        "token",
        _token,
        "make a token for a program, such as Prometheus: a reader's unless told otherwise",
    )
    token.add_argument("name", metavar="NAME", help="what it is for")
    _add_rights(token)
    verb("list", _list, "accounts, and what each may")
    grant = verb("grant", _grant, "give an account these rights and no others")
    grant.add_argument("account", metavar="ACCOUNT", help="login, or number (fpa_... or fpp_...)")
    _add_rights(grant)
    for name, says in (
        ("disable", "let an account in no more, from now on"),
        ("enable", "let it in again"),
    ):
        verb(name, _switch, says).add_argument("account", metavar="ACCOUNT")
    password = verb("password", _password, "give a local account another password")
    password.add_argument("account", metavar="ACCOUNT")
    _add_password(password)


def _add_rights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--role", action="append", choices=[role.value for role in GIVEN], help=ROLES
    )
    parser.add_argument(
        "--project", action="append", metavar="CODE", help="of an owner; may be repeated"
    )


def _add_password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-file",
        type=Path,
        metavar="FILE",
        help="its first line is the password; without it the terminal is asked, and without a "
        "terminal one is made up and printed",
    )


def _create(chosen: argparse.Namespace) -> int:
    password, told = _asked_password(chosen.password_file)
    with _writing(chosen, create=True) as (connection, now):
        rights = _rights(connection, chosen, "administrator")
        made = accounts.make_local(connection, chosen.login, password, rights, to_us(now))
        after = accounts_api.info(connection, made)
        audit.by_command(connection, now, f"make {made.account_id}", after=after)
    sys.stderr.write(f"footprint: {made.account_id}: {made.label}, {', '.join(after.roles)}\n")
    _tell(password, told=told)
    return 0


def _token(chosen: argparse.Namespace) -> int:
    with _writing(chosen) as (connection, now):
        rights = _rights(connection, chosen, "reader")
        made, secret = accounts.make_program(connection, chosen.name, rights, to_us(now))
        after = accounts_api.info(connection, made)
        audit.by_command(connection, now, f"make {made.account_id}", after=after)
    sys.stderr.write(f"footprint: {made.account_id}: {made.label}; its token, shown once:\n")
    sys.stdout.write(f"{secret.text}\n")
    return 0


def _list(chosen: argparse.Namespace) -> int:
    store = open_store(chosen.database, create=False, migrate=False, now=utc_now())
    try:
        with store.read() as connection:
            for account in store_accounts.accounts(connection):
                print(_line(accounts_api.info(connection, account)))  # noqa: T201 - what was asked for
    finally:
        store.close()
    return 0


def _line(info: accounts_api.AccountInfo) -> str:
    roles = ", ".join(info.roles) or "no right"
    projects = f" of {', '.join(info.projects)}" if info.projects else ""
    seen = f"seen {info.seen:%Y-%m-%d}" if info.seen else "never seen"
    state = "disabled" if info.disabled else seen
    return f"{info.account_id}  {info.kind}  {info.label}  {roles}{projects}  {state}"


def _grant(chosen: argparse.Namespace) -> int:
    with _changing(chosen) as (connection, account):
        rights = _rights(connection, chosen, None)
        store_accounts.change(connection, account, rights, account.label, account.disabled_us)
    return 0


def _switch(chosen: argparse.Namespace) -> int:
    disable = chosen.verb == "disable"
    with _changing(chosen) as (connection, account):
        rights = store_accounts.rights(connection, account.account_id)
        at_us = (account.disabled_us or to_us(utc_now())) if disable else None
        store_accounts.change(connection, account, rights, account.label, at_us)
    return 0


def _password(chosen: argparse.Namespace) -> int:
    password, told = _asked_password(chosen.password_file)
    with _changing(chosen, "password of") as (connection, account):
        if account.kind != "local":
            raise CommandError(f"{chosen.account}: has no password here (kind {account.kind})")
        store_accounts.set_password(connection, account.account_id, accounts.hashed(password))
    _tell(password, told=told)
    return 0


def _asked_password(path: Path | None) -> tuple[str, bool]:
    """A password, and whether whoever runs this knows it already."""
    if path is not None:
        try:
            return path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r"), True
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise CommandError(f"--password-file: cannot read {path}: {reason}") from error
    if not sys.stdin.isatty():
        return secrets.token_urlsafe(18), False
    password = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != password:
        raise CommandError("the two passwords differ; nothing was changed")
    return password, True


def _tell(password: str, *, told: bool) -> None:
    if not told:
        sys.stderr.write("footprint: its password, shown once:\n")
        sys.stdout.write(f"{password}\n")


def _rights(connection: Connection, chosen: argparse.Namespace, usual: str | None) -> Rights:
    roles, projects = set(chosen.role or ()), set(chosen.project or ())
    if not roles and not projects and usual is not None:
        roles = {usual}
    return accounts.rights_of(connection, roles, projects)


def _named(connection: Connection, name: str) -> Account:
    found = store_accounts.account(connection, name) or store_accounts.of_login(
        connection, name.strip().lower()
    )
    if found is None:
        raise CommandError(f"account {name[:80]!r}: there is none; see: footprint admin list")
    return found


@contextmanager
def _changing(
    chosen: argparse.Namespace, what: str = "change"
) -> Iterator[tuple[Connection, Account]]:
    """A write transaction and the account; what it was and is goes to the audit log."""
    with _writing(chosen) as (connection, now):
        account = _named(connection, chosen.account)
        before = accounts_api.info(connection, account)
        yield connection, account
        after = accounts_api.info(connection, _named(connection, account.account_id))
        action = f"{what} {account.account_id}"
        audit.by_command(connection, now, action, before=before, after=after)
    sys.stderr.write(f"footprint: {_line(after)}\n")


@contextmanager
def _writing(
    chosen: argparse.Namespace, *, create: bool = False
) -> Iterator[tuple[Connection, datetime]]:
    now = utc_now()
    store = open_store(chosen.database, create=create, migrate=create, now=now)
    try:
        with store.write() as connection:
            yield connection, now
    finally:
        store.close()
