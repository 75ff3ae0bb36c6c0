"""`/sign-in`, `/sign-out`, `/account`: how a person's browser comes by its cookie, and loses it.

In: a login and password, or what a provider sent the browser back with. Out: a cookie that only
this service reads, for a working day. Whoever has no account learns no more than who has another
password.
"""

import base64
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from footprint.interval import month_of, to_us
from footprint.portal.account_pages import AccountPage, account_html, sign_in_html, signed_out_html
from footprint.service import (
    accounts,
    body,
    callers,
    guard,
    html,
    same_site,
    store_accounts,
    store_register,
)
from footprint.service.callers import SignInFirst
from footprint.service.credentials import Credential
from footprint.service.problems import Problem
from footprint.service.roles import Role
from footprint.service.state import State, state_of
from footprint.service.vouching import Begun, SignInError, Vouched

if TYPE_CHECKING:
    from footprint.service.oidc import Provider

router = APIRouter(tags=["pages for people"], include_in_schema=False)
LIMIT_BYTES = 8192
MOST_TO = 1000
BEGUN_SECONDS = 600
MOST_KEPT = 3500
"""Bytes of a provider's token that a cookie takes, with its name and the rest (RFC 6265, 6.1)."""


@router.get("/sign-in")
def get_sign_in(request: Request, to: str = "/", lang: str | None = None) -> Response:
    """The page that asks who is there."""
    return _asked(request, safe(to), html.language(request, lang))


@router.post("/sign-in")
async def post_sign_in(request: Request, lang: str | None = None) -> Response:
    """A login and its password; the page again where they are wrong, after too many a 429."""
    state = state_of(request)
    _own_page(request)
    form = await body.read_form(request, state, LIMIT_BYTES)
    to, login = safe(form.get("to", "/")), form.get("login", "").strip().lower()[:200]
    wait = state.limits.passwords.take(login)
    if wait is not None:
        state.tally.count_refused("rate")
        raise guard.too_many("passwords tried for this account", wait)
    secret = await run_in_threadpool(_local, state, login, form.get("password", ""))
    if secret is None:
        problem = callers.refusal(request, state, "wrong login or password")
        if problem.status == 429:
            raise problem
        return _asked(request, to, html.language(request, lang), failed=True)
    return _let_in(request, secret, to)


@router.post("/sign-out")
async def post_sign_out(request: Request) -> Response:
    """The cookie is worth nothing any more."""
    _own_page(request)
    shown = request.cookies.get(callers.cookie_name(request), "")
    await run_in_threadpool(_sign_out, state_of(request), shown)
    vouched = _told_name(request) in request.cookies
    to = "/sign-out/provider" if vouched else "/sign-in"
    response = RedirectResponse(to, 303, {"Cache-Control": "no-store"})
    _forget(request, response, callers.cookie_name(request))
    return response


@router.get("/sign-out/provider")
def get_signed_out(request: Request, lang: str | None = None) -> Response:
    """A page that leads on to sign out at the provider too: browsers let no form lead there."""
    chosen, provider = html.language(request, lang), state_of(request).provider
    token = request.cookies.get(_told_name(request), "")
    where = None
    if provider is not None and token:
        with suppress(SignInError):  # it is away: then they are signed out here
            where = provider.sign_out(token)
    if where is None:
        response: Response = RedirectResponse("/sign-in", 303, {"Cache-Control": "no-store"})
    else:
        response = _private(html.page(signed_out_html(where, chosen).encode(), chosen))
    _forget(request, response, _told_name(request), "/sign-out")
    return response


@router.get("/sign-in/provider")
def get_provider(request: Request, to: str = "/") -> Response:
    """To the provider, with what the browser has to bring back."""
    state = state_of(request)
    try:
        where, begun = _provider(state).begin(safe(to))
    except SignInError as error:
        raise _failed(request, state, error) from error
    response = RedirectResponse(where, 303, {"Cache-Control": "no-store"})
    kept = base64.urlsafe_b64encode(msgspec.json.encode(begun)).decode()
    _set(request, response, _begun_name(request), kept, BEGUN_SECONDS)
    return response


@router.get("/sign-in/callback")
def get_callback(request: Request) -> Response:
    """Back from the provider."""
    state = state_of(request)
    provider = _provider(state)
    try:
        begun = _begun(request.cookies.get(_begun_name(request), ""))
        vouched = provider.finish(begun, dict(request.query_params), state.clock())
    except SignInError as error:
        raise _failed(request, state, error) from error
    response = _let_in(request, _vouched(state, vouched), safe(begun.to))
    _forget(request, response, _begun_name(request))
    if len(vouched.token) <= MOST_KEPT:
        seconds = accounts.SIGNED_IN_US // 1_000_000
        _set(request, response, _told_name(request), vouched.token, seconds, path="/sign-out")
    return response


@router.get("/account")
def get_account(request: Request, lang: str | None = None) -> Response:
    """Who is signed in, what they may, and the projects that are theirs."""
    state, caller = state_of(request), callers.caller_of(request)
    if caller.kind == "nobody":
        raise SignInFirst
    chosen = html.language(request, lang)
    with state.store.read() as connection:
        projects = store_register.projects(connection, own=caller.rights.projects)
    roles = [role.value for role in Role if role in caller.rights.roles]
    shown = AccountPage(
        caller.kind,
        caller.id,
        caller.label,
        roles,
        {code: item.name for code, item in projects.items()},
        month_of(state.clock()),
    )
    return _private(html.page(account_html(shown, chosen).encode(), chosen))


def install(app: FastAPI) -> None:
    """Send a person's browser to the sign-in where a page needs one."""

    async def first(request: Request, _error: Exception) -> Response:
        to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        asked = {"to": safe(to)}
        if request.query_params.get("lang") in ("fr", "en"):
            asked["lang"] = request.query_params["lang"]
        where = f"/sign-in?{urlencode(asked)}"
        return RedirectResponse(where, 303, {"Cache-Control": "no-store"})

    app.add_exception_handler(SignInFirst, first)


def safe(to: str) -> str:
    """Where to go after signing in: a path of this service, else the first page."""
    local = to.startswith("/") and to[1:2] not in ("/", "\\") and "\\" not in to
    return to if local and to.isprintable() and len(to) <= MOST_TO else "/"


def _asked(request: Request, to: str, lang: str, *, failed: bool = False) -> Response:
    state = state_of(request)
    page = sign_in_html(to, lang, provider=state.provider is not None, failed=failed)
    response = html.page(page.encode(), lang)
    response.status_code = 401 if failed else 200
    return _private(response)


def _local(state: State, login: str, password: str) -> Credential | None:
    with state.store.read() as connection:
        account = accounts.of_login(connection, login)
    right = accounts.is_password(account, password)
    if account is None:
        return None
    if not right or account.disabled_us is not None:
        reason = "wrong password" if not right else "disabled"
        state.audit.refused(account.account_id, "sign in", None, reason)
        return None
    return _sign_in(state, account)


def _vouched(state: State, vouched: Vouched) -> Credential:
    now_us = to_us(state.clock())
    with state.store.write() as connection:
        told = (vouched.issuer, vouched.subject, vouched.label)
        account = accounts.met(connection, *told, now_us)
    if account.disabled_us is not None:
        state.audit.refused(account.account_id, "sign in", None, "disabled")
        raise Problem(403, "forbidden", f"account {account.account_id} is disabled")
    return _sign_in(state, account)


def _sign_in(state: State, account: store_accounts.Account) -> Credential:
    with state.store.write() as connection:
        secret = accounts.sign_in(connection, account, to_us(state.clock()))
        state.audit.record(connection, account.account_id, "sign in")
    return secret


def _sign_out(state: State, shown: str) -> None:
    now_us = to_us(state.clock())
    with state.store.write() as connection:
        known, held = accounts.of_sign_in(connection, shown, now_us)
        if held is not None:
            store_accounts.sign_out(connection, held.sign_in_id)
            if known is not None:
                state.audit.record(connection, known.account.account_id, "sign out")


def _provider(state: State) -> "Provider":
    if state.provider is None:
        raise Problem(404, "not-found", "this service has no provider to sign in at")
    return state.provider


def _begun(kept: str) -> Begun:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(kept), type=Begun)
    except (ValueError, msgspec.DecodeError):
        raise SignInError("state: this browser began no sign-in, or long ago") from None


def _failed(request: Request, state: State, error: SignInError) -> Problem:
    """What a browser is told; the log has the reason."""
    state.audit.refused("provider", "sign in", None, error.reason)
    return callers.refusal(request, state, "the sign-in failed; begin again at /sign-in")


def _own_page(request: Request) -> None:
    """Raise the 403 where another site's page sends a form (login CSRF)."""
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    if not same_site.same(origin, host):
        raise Problem(403, "other-site", f"Origin {origin[:200]!r}: not a page of this service")


def _let_in(request: Request, secret: Credential, to: str) -> Response:
    response = RedirectResponse(to, 303, {"Cache-Control": "no-store"})
    seconds = accounts.SIGNED_IN_US // 1_000_000
    _set(request, response, callers.cookie_name(request), secret.text, seconds)
    return response


def _begun_name(request: Request) -> str:
    return f"{callers.cookie_name(request)}-begun"


def _told_name(request: Request) -> str:
    """Of the cookie with the provider's ID token, which only signing out there is shown; not of the
    kind that is bound to the host, whose path is the whole service."""
    return f"{callers.cookie_name(request).removeprefix('__Host-')}-told"


def _set(
    request: Request, response: Response, name: str, value: str, seconds: int, *, path: str = "/"
) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(
        name, value, max_age=seconds, path=path, secure=secure, httponly=True, samesite="lax"
    )


def _forget(request: Request, response: Response, name: str, path: str = "/") -> None:
    secure = request.url.scheme == "https"
    response.delete_cookie(name, path=path, secure=secure, httponly=True, samesite="lax")


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
