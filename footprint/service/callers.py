"""Who asks, decided by the request's head alone: before a byte of its body is read.

In: a request. Out: a `Caller` who may ask for its route, or a `Problem`. A host's token writes the
pages of its host; the operator's (`--token-file`) is an administrator's; a program's token and a
browser that is signed in have the rights of their account. Where the service has neither a token
nor an account nor a provider, every program of this machine is an administrator.
"""

import hmac
from collections.abc import AsyncIterator, Collection
from typing import Literal, NoReturn

import msgspec
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from footprint.interval import to_us
from footprint.service import (
    access,
    accounts,
    credentials,
    guard,
    same_site,
    store_access,
    store_accounts,
)
from footprint.service.problems import Problem
from footprint.service.roles import Rights, Role, who_may
from footprint.service.settings import digest
from footprint.service.state import State, state_of

COOKIE = "footprint"
"""What a signed-in browser shows; under TLS with the prefix that holds it to this host (RFC
6265bis, 4.1.3.2)."""


class Caller(msgspec.Struct, frozen=True):
    """Who asks. `id` names them in the audit log and is no secret. `host_id`: whose pages they may
    write and whose ledgers read, None for everybody's; `label`: what their account is called."""

    kind: Literal["nobody", "operator", "local", "host", "program", "person"]
    id: str
    host_id: str | None = None
    rights: Rights = Rights()
    label: str = ""

    def may_write(self, host_id: str) -> bool:
        """Whether pages of this host may come from this caller."""
        return self.host_id in (None, host_id)


_ALL = Rights(frozenset({Role.ADMINISTRATOR, Role.METER}))
NOBODY = Caller("nobody", "nobody")
READER = Caller("nobody", "nobody", rights=Rights(frozenset({Role.READER})))
"""Whoever it is, where reading is open to everybody who reaches the service."""
OPERATOR = Caller("operator", "operator", rights=_ALL)
LOCAL = Caller("local", "local", rights=_ALL)
MOST_TOKEN_CHARACTERS = 1000
_LIMITED = ("host", "program")
_WITH_HEADS = ("/v1/pages", "/v1/usage")
"""Routes of which every problem has the heads held (`batches`)."""


class SignInFirst(Exception):  # noqa: N818 - an answer, not a failure
    """A person's browser asks for a page that needs an account."""


async def admit(request: Request) -> AsyncIterator[None]:
    """Let a request through to its route, as long as it is served; every route depends on this.
    Raises the 401, 403, 421 or 429. Afterwards `caller_of` has who asks."""
    state = state_of(request)
    try:
        caller = await _admitted(request, state)
    except Problem as problem:
        if request.scope["route"].path in _WITH_HEADS:
            problem.members.setdefault("heads", [])
            state.tally.count_pages("refused", 1)
        raise
    token_id = caller.id if caller.kind in _LIMITED else None
    with state.limits.at_once.room(token_id) as room:
        if not room:
            state.tally.count_refused("at_once")
            raise guard.too_many("requests at once with this token", 1)
        request.state.caller = caller
        _check_query(request)
        yield


async def _admitted(request: Request, state: State) -> Caller:
    who = who_may(request.method, request.scope["route"].path)
    caller = NOBODY if who.unasked else await _known(request, state)
    if not who.admits(caller.rights):
        raise await _refused(request, state, caller)
    token_id = caller.id if caller.kind in _LIMITED else None
    wait = state.limits.rate.take(token_id) if token_id else None
    if wait is not None:
        state.tally.count_refused("rate")
        raise guard.too_many("requests with this token", wait)
    return caller


def _check_query(request: Request) -> None:
    """Raise the 400 for a parameter that the API's route does not know: whoever asks for what is
    not there would take the answer for it."""
    route = request.scope["route"]
    if not route.path.startswith("/v1/"):
        return
    known = {field.alias for field in route.dependant.query_params}
    for name in request.query_params:
        if name not in known:
            said = f"it knows: {', '.join(sorted(known))}" if known else "it knows none"
            raise Problem(400, "query", f"{name[:80]!r}: no parameter of {route.path}; {said}")


def caller_of(request: Request) -> Caller:
    """Who asks, once they were let through."""
    caller: Caller = request.state.caller
    return caller


def own_of(request: Request) -> frozenset[str] | None:
    """The projects that the caller's reading is held to, None where to none."""
    return caller_of(request).rights.own


async def _refused(request: Request, state: State, caller: Caller) -> Exception:
    if caller.kind != "nobody":
        state.tally.count_refused("forbidden")
        reason = f"has the roles: {', '.join(sorted(caller.rights.roles)) or 'none'}"
        asked = f"{request.method} {request.scope['route'].path}"
        await run_in_threadpool(state.audit.refused, caller.id, asked, caller.host_id, reason)
        return Problem(403, "forbidden", f"{asked} is not for who {reason}")
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return SignInFirst()
    return refusal(request, state, "send Authorization: Bearer with a token of this service")


def bearer(request: Request) -> str:
    """The token that a request carries, "" for none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip()[:MOST_TOKEN_CHARACTERS] if scheme.lower() == "bearer" else ""


def cookie_name(request: Request) -> str:
    """What the cookie of a signed-in browser is called on this connection."""
    return f"__Host-{COOKIE}" if request.url.scheme == "https" else COOKIE


async def _known(request: Request, state: State) -> Caller:
    token = bearer(request)
    if credentials.id_of(token, credentials.TOKEN):
        return await run_in_threadpool(_host, token, state)
    if credentials.id_of(token, credentials.PROGRAM):
        return await run_in_threadpool(_program, token, state)
    expected = state.settings.token_sha256
    if token and expected is not None:
        return OPERATOR if hmac.compare_digest(digest(token), expected) else NOBODY
    shown = request.cookies.get(cookie_name(request), "")[:MOST_TOKEN_CHARACTERS]
    if shown and credentials.id_of(shown, credentials.SIGN_IN):
        caller = await run_in_threadpool(_person, shown, state)
        if caller.kind == "person":
            _same_site(request)
            return caller
    if await _is_open(state):
        problem = same_site.refusal(request.scope)
        if problem is not None:
            raise problem
        return LOCAL
    return READER if state.settings.open_reading else NOBODY


async def _is_open(state: State) -> bool:
    """Whether every program of this machine may do everything."""
    if state.settings.token_sha256 is not None or state.settings.provider is not None:
        return False
    found = state.persons.known()
    return not (await run_in_threadpool(state.persons.look) if found is None else found)


def _same_site(request: Request) -> None:
    """Raise the 403 where another site's page has a signed-in browser write: browsers say whose
    page it is (Origin), and a writing request that does not say is refused too."""
    if request.method in same_site.READING:
        return
    origin = request.headers.get("origin", "")
    if not same_site.same(origin, request.headers.get("host", "")):
        raise Problem(
            403, "other-site", f"Origin {origin[:200]!r}: a page of another site may not write here"
        )


def _host(token: str, state: State) -> Caller:
    """The host whose token this is; its first use revokes the host's older ones."""
    with state.store.read() as connection:
        held, valid = access.valid_token(connection, token)
    if held is None:
        return NOBODY
    if not valid:
        reason = "wrong secret" if held.revoked_us is None else "revoked"
        state.audit.refused(held.token_id, "use a token", held.host_id, reason)
        return NOBODY
    if held.first_used_us is None:
        with state.store.write() as connection:
            if store_access.use_token(connection, held, to_us(state.clock())):
                state.audit.record(connection, held.token_id, "first use a token", held.host_id)
    return Caller("host", held.token_id, held.host_id, Rights(frozenset({Role.METER})))


def _program(token: str, state: State) -> Caller:
    with state.store.read() as connection:
        known = accounts.of_token(connection, token)
    if known is None:
        return NOBODY
    return Caller("program", known.account.account_id, None, known.rights, known.account.label)


def _person(shown: str, state: State) -> Caller:
    now_us = to_us(state.clock())
    with state.store.read() as connection:
        known, held = accounts.of_sign_in(connection, shown, now_us)
    if known is None or held is None:
        return NOBODY
    if now_us - held.seen_us >= accounts.SEEN_US:
        with state.store.write() as connection:
            store_accounts.go_on(connection, held.sign_in_id, now_us)
    return Caller("person", known.account.account_id, None, known.rights, known.account.label)


def refusal(request: Request, state: State, remedy: str) -> Problem:
    """The 401, or the 429 where an address was refused too often; a right token is never."""
    state.tally.count_refused("unauthorized")
    wait = state.limits.refusals.take(guard.address_of(request.scope) or "this machine")
    if wait is not None:
        return guard.too_many("refused tokens from this address", wait)
    return Problem(401, "unauthorized", remedy)


def check_host(request: Request, host_id: str) -> None:
    """Raise the 403 of a host that asks for another's ledgers."""
    caller = caller_of(request)
    if caller.host_id not in (None, host_id):
        state_of(request).tally.count_refused("forbidden")
        raise Problem(403, "other-host", f"the token is of host {caller.host_id}")


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
