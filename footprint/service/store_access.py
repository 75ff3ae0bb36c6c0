"""SQL of what hosts may write: codes for enrolment, and their tokens.

A code is used, and a token revoked, by a conditional UPDATE that says whether it did: of several
who try, one succeeds.
"""

import msgspec
from sqlalchemy import ColumnElement, Connection, select, update

from footprint.service import tables, tables_access

_CODE = tables.table(tables_access.EnrolmentCode)
_TOKEN = tables.table(tables_access.HostToken)
_HEADS = (tables.table(tables.LedgerHead), tables.table(tables.UsageHead))


class Code(msgspec.Struct, frozen=True):
    """A code for enrolment as it is kept. Instants are microseconds since 1970 UTC."""

    code_id: str
    sha256: str
    host_id: str | None
    created_us: int
    expires_us: int
    used_us: int | None = None
    token_id: str | None = None


class Token(msgspec.Struct, frozen=True):
    """A host's token as it is kept."""

    token_id: str
    sha256: str
    host_id: str
    fingerprint: str
    created_us: int
    first_used_us: int | None = None
    revoked_us: int | None = None


def add_code(connection: Connection, code: Code) -> None:
    """Keep a new code."""
    connection.execute(_CODE.insert(), msgspec.structs.asdict(code))


def code(connection: Connection, code_id: str) -> Code | None:
    """A code by its public part."""
    row = connection.execute(select(_CODE).where(_CODE.c.code_id == code_id)).first()
    return Code(*row) if row else None


def codes(connection: Connection) -> list[Code]:
    """Every code, oldest first."""
    return [Code(*row) for row in connection.execute(select(_CODE).order_by(_CODE.c.created_us))]


def use_code(connection: Connection, code_id: str, now_us: int, token_id: str | None) -> bool:
    """Mark a code as used for a token (None: withdrawn); whether it could still be."""
    used = connection.execute(
        update(_CODE)
        .where(_CODE.c.code_id == code_id, _CODE.c.used_us.is_(None), _CODE.c.expires_us > now_us)
        .values(used_us=now_us, token_id=token_id)
    )
    return used.rowcount == 1


def add_token(connection: Connection, token: Token) -> None:
    """Keep a new token."""
    connection.execute(_TOKEN.insert(), msgspec.structs.asdict(token))


def token(connection: Connection, token_id: str) -> Token | None:
    """A token by its public part."""
    row = connection.execute(select(_TOKEN).where(_TOKEN.c.token_id == token_id)).first()
    return Token(*row) if row else None


def tokens(connection: Connection) -> list[Token]:
    """Every token, by host, oldest first."""
    query = select(_TOKEN).order_by(_TOKEN.c.host_id, _TOKEN.c.created_us)
    return [Token(*row) for row in connection.execute(query)]


def use_token(connection: Connection, held: Token, now_us: int) -> bool:
    """Mark a token's first use, and revoke the host's others that are not newer; whether this was
    the first."""
    first = connection.execute(
        update(_TOKEN)
        .where(_TOKEN.c.token_id == held.token_id, _TOKEN.c.first_used_us.is_(None))
        .values(first_used_us=now_us)
    )
    if first.rowcount != 1:
        return False
    older = (
        _TOKEN.c.host_id == held.host_id,
        _TOKEN.c.token_id != held.token_id,
        _TOKEN.c.created_us <= held.created_us,
    )
    _revoke(connection, now_us, *older)
    return True


def revoke_unused(connection: Connection, host_id: str, now_us: int) -> None:
    """Revoke a host's tokens that were never used."""
    _revoke(connection, now_us, _TOKEN.c.host_id == host_id, _TOKEN.c.first_used_us.is_(None))


def revoke_token(connection: Connection, token_id: str, now_us: int) -> bool:
    """Revoke a token; whether it was valid."""
    return _revoke(connection, now_us, _TOKEN.c.token_id == token_id) == 1


def revoke_host(connection: Connection, host_id: str, now_us: int) -> int:
    """Revoke every token of a host; how many were valid."""
    return _revoke(connection, now_us, _TOKEN.c.host_id == host_id)


def _revoke(connection: Connection, now_us: int, *where: ColumnElement[bool]) -> int:
    valid = update(_TOKEN).where(*where, _TOKEN.c.revoked_us.is_(None))
    return int(connection.execute(valid.values(revoked_us=now_us)).rowcount)


def is_known(connection: Connection, host_id: str) -> bool:
    """Whether a host ever had a token, or has pages."""
    found = (
        connection.execute(select(rows.c.host_id).where(rows.c.host_id == host_id).limit(1)).first()
        for rows in (_TOKEN, *_HEADS)
    )
    return any(found)
