"""Accounts: who may sign in or come with a program's token, what they may, and for how long.

In: a write transaction, the present. Out: `Account`s, secrets told once, or `AccountError`. A
provider of OpenID Connect says who somebody is; what they may is given here and nowhere else.
"""

import re
import threading
from collections.abc import Collection
from functools import cache

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection

from footprint.service import credentials, store_accounts, store_register
from footprint.service.credentials import Credential
from footprint.service.errors import CommandError
from footprint.service.roles import GIVEN, Rights, Role
from footprint.service.store_accounts import Account, SignIn

US_PER_HOUR = 3_600_000_000
SIGNED_IN_US = 12 * US_PER_HOUR
"""A working day; then one signs in again."""
IDLE_US = 2 * US_PER_HOUR
SEEN_US = 60_000_000
"""How exactly it is noted when a browser was last there."""
STRANGERS_US = 30 * 24 * US_PER_HOUR
LEAST_PASSWORD, MOST_PASSWORD = 12, 200
"""Characters. CNIL's deliberation 2022-100 asks 80 bits of a password alone, or 50 where attempts
are limited, as they are here: twelve characters of any kind."""
MOST_LABEL = 200
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
_hasher = PasswordHasher()
"""Argon2id as RFC 9106, 4 says for memory that is short: 3 passes, 64 MiB, 4 lanes."""
_at_once = threading.Semaphore(2)
"""128 MiB, however many try at the same time."""


class AccountError(CommandError):
    """What an account cannot be; the message says which, why and the remedy."""


class Known(msgspec.Struct, frozen=True):
    """An account and what it may."""

    account: Account
    rights: Rights


def rights_of(connection: Connection, roles: Collection[str], projects: Collection[str]) -> Rights:
    """Rights by their names. Raises AccountError for a role that does not exist or is not given, a
    project that is not registered, an owner without one."""
    for role in roles:
        if role not in GIVEN:
            raise AccountError(f"role: {role[:40]!r} is none; roles: {', '.join(GIVEN)}")
    owner = Role.OWNER in roles
    if owner != bool(projects):
        raise AccountError("project: an owner needs one, and only an owner has them")
    known = store_register.projects(connection) if projects else {}
    for project in projects:
        if project not in known:
            raise AccountError(f"project: {project[:80]!r} is not registered")
    return Rights(frozenset(map(Role, roles)), frozenset(projects))


def make_local(
    connection: Connection, login: str, password: str, rights: Rights, now_us: int
) -> Account:
    """A local account. Raises AccountError for a name that is taken or a password that is short."""
    name = login.strip().lower()
    if not _LOGIN.fullmatch(name):
        raise AccountError(
            f"login: {login[:80]!r}: write letters, digits and . _ @ + -, 100 at most"
        )
    if store_accounts.of_login(connection, name):
        raise AccountError(f"login: {name!r} has an account already")
    made = Account(
        _new_id(), "local", name, login=name, created_us=now_us, password=hashed(password)
    )
    store_accounts.add(connection, made, rights)
    return made


def make_program(
    connection: Connection, label: str, rights: Rights, now_us: int
) -> tuple[Account, Credential]:
    """An account of a program, and its token, told this once."""
    secret = credentials.new(credentials.PROGRAM)
    made = Account(
        secret.id, "program", check_label(label), sha256=secret.sha256, created_us=now_us
    )
    store_accounts.add(connection, made, rights)
    return made, secret


def met(connection: Connection, issuer: str, subject: str, label: str, now_us: int) -> Account:
    """The account of whom a provider vouches for, made where they never were here; it has no right
    until somebody gives it one, and is forgotten if nobody does."""
    store_accounts.forget_strangers(connection, now_us - STRANGERS_US)
    held = store_accounts.of_subject(connection, issuer, subject)
    if held is None:
        held = Account(
            _new_id(),
            "provider",
            check_label(label),
            issuer=issuer,
            subject=subject,
            created_us=now_us,
            seen_us=now_us,
        )
        store_accounts.add(connection, held, Rights())
    return held


def of_login(connection: Connection, login: str) -> Account | None:
    """The local account of a name, if it is one."""
    name = login.strip().lower()
    return store_accounts.of_login(connection, name) if _LOGIN.fullmatch(name) else None


def check_label(text: str) -> str:
    """What an account is called: one line. Raises AccountError."""
    label = text.strip()
    if not label or len(label) > MOST_LABEL or not label.isprintable():
        raise AccountError(f"label: write 1 to {MOST_LABEL} characters on one line")
    return label


def hashed(password: str) -> str:
    """Argon2id of a password. Raises AccountError where it is too short or too long."""
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise AccountError(
            f"password: {LEAST_PASSWORD} to {MOST_PASSWORD} characters; several words do"
        )
    with _at_once:
        return _hasher.hash(password)


def is_password(account: Account | None, password: str) -> bool:
    """Whether a password is that of an account; takes as long where there is no such account."""
    kept = account.password if account else None
    try:
        with _at_once:
            right = _hasher.verify(kept or _nobody(), password[: MOST_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        return False
    return right and kept is not None


def sign_in(connection: Connection, account: Account, now_us: int) -> Credential:
    """A browser's secret: it is signed in with it."""
    secret = credentials.new(credentials.SIGN_IN)
    made = SignIn(
        secret.id, secret.sha256, account.account_id, now_us, now_us, now_us + SIGNED_IN_US
    )
    store_accounts.sign_in(connection, made)
    store_accounts.saw(connection, account.account_id, now_us)
    return secret


def of_sign_in(
    connection: Connection, text: str, now_us: int
) -> tuple[Known | None, SignIn | None]:
    """Whose a browser's secret is, and its sign-in; None where it is wrong, over or disabled."""
    sign_in_id = credentials.id_of(text, credentials.SIGN_IN)
    held = store_accounts.signed_in(connection, sign_in_id) if sign_in_id else None
    right = credentials.same(text, held.sha256 if held else None)
    if held is None or not right or now_us >= min(held.expires_us, held.seen_us + IDLE_US):
        return None, None
    return _usable(connection, store_accounts.account(connection, held.account_id)), held


def of_token(connection: Connection, text: str) -> Known | None:
    """The program whose token this is; None where it is wrong or disabled."""
    token_id = credentials.id_of(text, credentials.PROGRAM)
    held = store_accounts.account(connection, token_id) if token_id else None
    right = credentials.same(text, held.sha256 if held else None)
    return _usable(connection, held) if right else None


def _usable(connection: Connection, account: Account | None) -> Known | None:
    if account is None or account.disabled_us is not None:
        return None
    return Known(account, store_accounts.rights(connection, account.account_id))


@cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")


def _new_id() -> str:
    return credentials.new(credentials.ACCOUNT).id
