"""Who asks to write, decided by the request's head alone: before a byte of its body is read.

In: a request. Out: a `Caller`, or a `Problem`. A host's token writes the pages of its host; the
operator's (`--token-file`) writes everything, and where the service has none, so does every
program of this machine.
"""

import hmac
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Literal, NoReturn

import msgspec
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from footprint.interval import to_us
from footprint.service import access, credentials, guard, store_access
from footprint.service.problems import Problem
from footprint.service.settings import digest
from footprint.service.state import State, state_of


class Caller(msgspec.Struct, frozen=True):
    """Who writes. `id` names them in the audit log and is no secret. `host_id`: whose pages they
    may write, None for everybody's."""

    kind: Literal["operator", "local", "host"]
    id: str
    host_id: str | None = None

    def may_write(self, host_id: str) -> bool:
        """Whether pages of this host may come from this caller."""
        return self.host_id in (None, host_id)


OPERATOR = Caller("operator", "operator")
LOCAL = Caller("local", "local")
MOST_TOKEN_CHARACTERS = 1000


@asynccontextmanager
async def admitted(request: Request) -> AsyncIterator[Caller]:
    """The caller of a writing request, as long as it is served. Raises the 401 or 429."""
    state = state_of(request)
    caller = await _known(bearer(request), state)
    if caller is None:
        raise refusal(request, state, "send Authorization: Bearer with a token of this service")
    token_id = caller.id if caller.kind == "host" else None
    wait = state.limits.rate.take(token_id) if token_id else None
    if wait is not None:
        state.tally.count_refused("rate")
        raise guard.too_many("requests with this token", wait)
    with state.limits.at_once.room(token_id) as room:
        if not room:
            state.tally.count_refused("at_once")
            raise guard.too_many("requests at once with this token", 1)
        yield caller


def bearer(request: Request) -> str:
    """The token that a request carries, "" for none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip()[:MOST_TOKEN_CHARACTERS] if scheme.lower() == "bearer" else ""


async def _known(token: str, state: State) -> Caller | None:
    if credentials.id_of(token, credentials.TOKEN):
        return await run_in_threadpool(_host, token, state)
    expected = state.settings.token_sha256
    if expected is None:
        return LOCAL
    return OPERATOR if hmac.compare_digest(digest(token), expected) else None


def _host(token: str, state: State) -> Caller | None:
    """The host whose token this is; its first use revokes the host's older ones."""
    with state.store.read() as connection:
        held, valid = access.valid_token(connection, token)
    if held is None:
        return None
    if not valid:
        reason = "wrong secret" if held.revoked_us is None else "revoked"
        state.audit.refused(held.token_id, "use a token", held.host_id, reason)
        return None
    if held.first_used_us is None:
        with state.store.write() as connection:
            if store_access.use_token(connection, held, to_us(state.clock())):
                state.audit.record(connection, held.token_id, "first use a token", held.host_id)
    return Caller("host", held.token_id, held.host_id)


def refusal(request: Request, state: State, remedy: str) -> Problem:
    """The 401, or the 429 where an address was refused too often; a right token is never."""
    state.tally.count_refused("unauthorized")
    wait = state.limits.refusals.take(guard.address_of(request.scope) or "this machine")
    if wait is not None:
        return guard.too_many("refused tokens from this address", wait)
    return Problem(401, "unauthorized", remedy)


def refuse_hosts(state: State, caller: Caller, host_ids: Collection[str]) -> NoReturn:
    """Raise the 403 of a caller who may not tell of all these hosts."""
    others = sorted(host_id for host_id in host_ids if not caller.may_write(host_id))
    state.tally.count_refused("forbidden")
    state.audit.refused(caller.id, "write pages", others[0], f"token of host {caller.host_id}")
    raise Problem(
        403,
        "other-host",
        f"the token is of host {caller.host_id}, a page tells of host {others[0]}; nothing of "
        "the batch was stored: send each host's pages with its own token",
    )


def check_operator(state: State, caller: Caller, action: str) -> None:
    """Raise the 403 for a host's token."""
    if caller.kind != "host":
        return
    state.tally.count_refused("forbidden")
    state.audit.refused(caller.id, action, caller.host_id, "token of a host")
    raise Problem(403, "forbidden", f"a host's token may not {action}; send the operator's")
