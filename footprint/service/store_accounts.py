"""SQL of accounts, their rights, and who is signed in.

In: a connection. Out: `Account`s with their rights. Nobody who had a right is taken off the list:
an account is disabled, and the audit log says who it was by its id.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, select, update

from footprint.service import tables, tables_accounts
from footprint.service.roles import Rights, Role

_ACCOUNT = tables.table(tables_accounts.Account)
_RIGHT = tables.table(tables_accounts.AccountRight)
_SIGN_IN = tables.table(tables_accounts.SignIn)
PERSONS = ("local", "provider")


class Account(msgspec.Struct, frozen=True):
    """An account as it is kept, without its rights. Instants are microseconds since 1970 UTC."""

    account_id: str
    kind: str
    label: str
    login: str | None = None
    password: str | None = None
    issuer: str | None = None
    subject: str | None = None
    sha256: str | None = None
    created_us: int = 0
    seen_us: int | None = None
    disabled_us: int | None = None

    def __repr__(self) -> str:
        """Without digests: a traceback or a log may show it."""
        return f"Account({self.account_id})"


class SignIn(msgspec.Struct, frozen=True):
    """A browser that is signed in."""

    sign_in_id: str
    sha256: str
    account_id: str
    created_us: int
    seen_us: int
    expires_us: int


def add(connection: Connection, account: Account, rights: Rights) -> None:
    """Keep a new account with its rights."""
    connection.execute(_ACCOUNT.insert(), msgspec.structs.asdict(account))
    _give(connection, account.account_id, rights)


def account(connection: Connection, account_id: str) -> Account | None:
    """An account by its id."""
    return _one(connection, _ACCOUNT.c.account_id == account_id)


def of_login(connection: Connection, login: str) -> Account | None:
    """The local account of that name."""
    return _one(connection, _ACCOUNT.c.login == login)


def of_subject(connection: Connection, issuer: str, subject: str) -> Account | None:
    """The account that a provider knows by that subject."""
    return _one(connection, _ACCOUNT.c.issuer == issuer, _ACCOUNT.c.subject == subject)


def accounts(connection: Connection, after: str = "", most: int | None = None) -> list[Account]:
    """Accounts in the order of their ids."""
    query = select(_ACCOUNT).where(_ACCOUNT.c.account_id > after).order_by(_ACCOUNT.c.account_id)
    return [Account(*row) for row in connection.execute(query.limit(most))]


def any_person(connection: Connection) -> bool:
    """Whether anybody has an account."""
    query = select(_ACCOUNT.c.account_id).where(_ACCOUNT.c.kind.in_(PERSONS)).limit(1)
    return connection.execute(query).first() is not None


def rights(connection: Connection, account_id: str) -> Rights:
    """What an account may."""
    query = select(_RIGHT.c.role, _RIGHT.c.project).where(_RIGHT.c.account_id == account_id)
    rows = connection.execute(query).all()
    known = {role.value for role in Role}
    return Rights(
        frozenset(Role(row.role) for row in rows if row.role in known),
        frozenset(row.project for row in rows if row.project),
    )


def change(
    connection: Connection, account: Account, rights: Rights, label: str, disabled_us: int | None
) -> None:
    """Give an account these rights and no others; one that is disabled is signed out."""
    here = _ACCOUNT.c.account_id == account.account_id
    connection.execute(update(_ACCOUNT).where(here).values(label=label, disabled_us=disabled_us))
    connection.execute(delete(_RIGHT).where(_RIGHT.c.account_id == account.account_id))
    _give(connection, account.account_id, rights)
    if disabled_us is not None:
        sign_out_all(connection, account.account_id)


def set_password(connection: Connection, account_id: str, password: str) -> None:
    """Keep another password; whoever is signed in with the old one is signed out."""
    here = _ACCOUNT.c.account_id == account_id
    connection.execute(update(_ACCOUNT).where(here).values(password=password))
    sign_out_all(connection, account_id)


def saw(connection: Connection, account_id: str, now_us: int) -> None:
    """Note when an account was last used."""
    here = _ACCOUNT.c.account_id == account_id
    connection.execute(update(_ACCOUNT).where(here).values(seen_us=now_us))


def sign_in(connection: Connection, made: SignIn) -> None:
    """Keep that a browser is signed in; forget those whose time is over."""
    connection.execute(delete(_SIGN_IN).where(_SIGN_IN.c.expires_us <= made.created_us))
    connection.execute(_SIGN_IN.insert(), msgspec.structs.asdict(made))


def signed_in(connection: Connection, sign_in_id: str) -> SignIn | None:
    """A browser's sign-in by its public part."""
    row = connection.execute(select(_SIGN_IN).where(_SIGN_IN.c.sign_in_id == sign_in_id)).first()
    return SignIn(*row) if row else None


def go_on(connection: Connection, sign_in_id: str, now_us: int) -> None:
    """Note that a sign-in was used."""
    here = _SIGN_IN.c.sign_in_id == sign_in_id
    connection.execute(update(_SIGN_IN).where(here).values(seen_us=now_us))


def sign_out(connection: Connection, sign_in_id: str) -> None:
    """Forget a sign-in."""
    connection.execute(delete(_SIGN_IN).where(_SIGN_IN.c.sign_in_id == sign_in_id))


def sign_out_all(connection: Connection, account_id: str) -> None:
    """Forget every sign-in of an account."""
    connection.execute(delete(_SIGN_IN).where(_SIGN_IN.c.account_id == account_id))


def forget_strangers(connection: Connection, before_us: int) -> None:
    """Drop accounts that a provider vouched for, that have no right and were not used since."""
    given = select(_RIGHT.c.account_id)
    connection.execute(
        delete(_ACCOUNT).where(
            _ACCOUNT.c.kind == "provider",
            _ACCOUNT.c.seen_us < before_us,
            _ACCOUNT.c.account_id.not_in(given),
        )
    )


def _one(connection: Connection, *where: ColumnElement[bool]) -> Account | None:
    row = connection.execute(select(_ACCOUNT).where(*where)).first()
    return Account(*row) if row else None


def _give(connection: Connection, account_id: str, rights: Rights) -> None:
    rows = list(_rows(account_id, rights))
    if rows:
        connection.execute(_RIGHT.insert(), rows)


def _rows(account_id: str, rights: Rights) -> Iterable[dict[str, str]]:
    for role in sorted(rights.roles):
        places = sorted(rights.projects) if role is Role.OWNER else [""]
        for project in places:
            yield {"account_id": account_id, "role": role.value, "project": project}
