"""Enrolment: how a host gets the token that only it may write with, and how it loses it.

In: a write transaction and the present. Out: new secrets, to be shown once, or `Refused`. An
operator makes a code, the host exchanges it for a token bound to its `host_id`; a token is replaced
by the next when that is first used, so that a lost answer locks nobody out.
"""

from sqlalchemy import Connection

from footprint.service import credentials, store_access
from footprint.service.credentials import Credential
from footprint.service.store_access import Code, Token

US_PER_DAY = 86_400_000_000


class Refused(Exception):  # noqa: N818 - an answer, not a failure of the program
    """What is not given. `reason` is for the log: whoever asks learns no more than `kind`."""

    def __init__(self, kind: str, reason: str, actor: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.actor = actor


def make_code(
    connection: Connection, host_id: str | None, valid_us: int, now_us: int
) -> Credential:
    """A code for one host, or (None) for any one that is not known yet."""
    made = credentials.new(credentials.CODE)
    code = Code(made.id, made.sha256, host_id, now_us, now_us + valid_us)
    store_access.add_code(connection, code)
    return made


def enrol(
    connection: Connection, code: str, host_id: str, fingerprint: str, now_us: int
) -> tuple[Credential, str]:
    """A token for a host that has a code, and the code's public part. Raises Refused."""
    code_id = credentials.id_of(code, credentials.CODE)
    held = store_access.code(connection, code_id) if code_id else None
    right = credentials.same(code, held.sha256 if held else None)
    if held is None or not right:
        raise Refused("unauthorized", "wrong code", held.code_id if held else "nobody")
    if held.host_id not in (None, host_id):
        raise Refused("unauthorized", "code of another host", held.code_id)
    if held.host_id is None and store_access.is_known(connection, host_id):
        raise Refused("known-host", "known host", held.code_id)
    made = credentials.new(credentials.TOKEN)
    if not store_access.use_code(connection, held.code_id, now_us, made.id):
        reason = "code used before" if held.used_us is not None else "code expired"
        raise Refused("unauthorized", reason, held.code_id)
    store_access.add_token(connection, Token(made.id, made.sha256, host_id, fingerprint, now_us))
    return made, held.code_id


def rotate(connection: Connection, token_id: str, now_us: int) -> Credential | None:
    """The next token of a host; its last one stays valid until this one is used. None where the
    last one is not valid any more."""
    held = store_access.token(connection, token_id)
    if held is None or held.revoked_us is not None:
        return None
    store_access.revoke_unused(connection, held.host_id, now_us)
    made = credentials.new(credentials.TOKEN)
    fresh = Token(made.id, made.sha256, held.host_id, held.fingerprint, now_us)
    store_access.add_token(connection, fresh)
    return made


def valid_token(connection: Connection, text: str) -> tuple[Token | None, bool]:
    """The token that `text` is the public part of, and whether the whole of it may be used."""
    token_id = credentials.id_of(text, credentials.TOKEN)
    held = store_access.token(connection, token_id) if token_id else None
    right = credentials.same(text, held.sha256 if held else None)
    return held, right and held is not None and held.revoked_us is None
