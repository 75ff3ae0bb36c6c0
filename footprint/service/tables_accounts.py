"""The tables of who may sign in, what they may, and who has.

Here alone may something of a person lie (a name or an address, in `label` and `login`); no figure
refers to it. Secrets are digests: Argon2 of a password, SHA-256 of 256 random bits.
"""

from sqlalchemy import Index
from sqlmodel import SQLModel

from footprint.service.tables_access import instant, text


class Account(SQLModel, table=True):
    """Someone, or a program, that may be given rights. By `kind` it has a `login` and `password`
    (local), an `issuer` and `subject` (provider) or a token's `sha256` (program)."""

    __tablename__ = "account"
    __table_args__ = (
        Index("account_login", "login", unique=True),
        Index("account_subject", "issuer", "subject", unique=True),
    )

    account_id: str = text(primary_key=True)
    kind: str = text()
    label: str = text()
    login: str | None = text(default=None)
    password: str | None = text(default=None)
    issuer: str | None = text(default=None)
    subject: str | None = text(default=None)
    sha256: str | None = text(default=None)
    created_us: int = instant()
    seen_us: int | None = instant(default=None)
    disabled_us: int | None = instant(default=None)


class AccountRight(SQLModel, table=True):
    """A role of an account; `project` is "" but for the owner's, which has a row a project."""

    __tablename__ = "account_right"

    account_id: str = text(primary_key=True)
    role: str = text(primary_key=True)
    project: str = text(primary_key=True)


class SignIn(SQLModel, table=True):
    """A browser that is signed in, until it expires."""

    __tablename__ = "sign_in"
    __table_args__ = (Index("sign_in_account", "account_id"), Index("sign_in_end", "expires_us"))

    sign_in_id: str = text(primary_key=True)
    sha256: str = text()
    account_id: str = text()
    created_us: int = instant()
    seen_us: int = instant()
    expires_us: int = instant()
