"""`/v1/budgets`: budgets, their revisions, and what became of them.

A budget has an `ETag`; a revision is sent with it as `If-Match`, so that nobody undoes what they
have not seen. An owner reads and changes those of their projects, and of SIA that are theirs alone;
they make one without naming its code, since a code that is refused would tell what others have.
"""

import secrets
from collections.abc import Callable, Collection
from typing import Any, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from footprint import codes
from footprint.burn import BurnUp
from footprint.service import (
    answers,
    body,
    budget_formats,
    budgets,
    burns,
    callers,
    described,
    html,
    rollups,
    store_budgets,
    store_register,
    subjects,
)
from footprint.service.alert_settings import Mail
from footprint.service.budgets import Budget, Held
from footprint.service.callers import Caller
from footprint.service.described import Code, Limit
from footprint.service.formats import MEDIA_TYPES
from footprint.service.problems import Problem
from footprint.service.register import RegisterError
from footprint.service.state import State, state_of
from footprint.service.store_budgets import Own

router = APIRouter(prefix="/v1", tags=["budgets"])
LIMIT_BYTES = 64 * 1024
_UNNAMED = "budget"
_ABOUT_CHARACTERS = 40
_DRAWN_BYTES = 4
_decoder = msgspec.json.Decoder(dict[str, Any])


@router.get(
    "/budgets",
    summary="Budgets as they are now",
    responses=described.answers(
        "In the order of their codes", described.listed("Held"), html="text/html"
    ),
)
def list_budgets(
    request: Request,
    *,
    cursor: str = "",
    limit: Limit = 100,
    format: Literal["json", "html"] = "json",  # noqa: A002 - the parameter's public name
    lang: str | None = None,
) -> Response:
    """Those that the caller may know of. The page has all, as they stood at the last look."""
    answers.check_limit(limit)
    with state_of(request).store.read() as connection:
        held = store_budgets.budgets(connection, _own(connection, request))
    if format == "html":
        language = html.language(request, lang)
        looked = state_of(request).watcher.looked
        content = budget_formats.list_page(held.values(), looked, language)
        return html.page(content, language)
    items = [one for code, one in held.items() if code > cursor]
    last = items[limit - 1].budget.code if len(items) > limit else None
    return answers.json_response(answers.page_of(items, limit, last))


@router.get(
    "/budgets/{code}",
    summary="A budget as it is now",
    responses=described.answers("With its `ETag`", "Held", 404),
)
def get_budget(request: Request, code: Code) -> Response:
    """By its code."""
    with state_of(request).store.read() as connection:
        held = store_budgets.budgets(connection, _own(connection, request), code=code).get(code)
    if held is None:
        raise _unknown(code)
    return _answer(held)


@router.get(
    "/budgets/{code}/history",
    summary="Its revisions, oldest first",
    responses=described.answers("Each with who made it and why", described.listed("Held"), 404),
)
def get_history(request: Request, code: Code) -> Response:
    """The newest hundred."""
    with state_of(request).store.read() as connection:
        found = store_budgets.versions(connection, code, _own(connection, request))
    if not found:
        raise _unknown(code)
    return answers.json_response(answers.page_of(found, len(found), None))


@router.get(
    "/budgets/{code}/burn-up",
    summary="What became of it so far, and what it comes to",
    responses=described.answers(
        "Actual, plan, forecast", "BurnUp", 404, csv="text/csv", html="text/html"
    ),
)
def get_burn_up(
    request: Request,
    code: Code,
    *,
    format: Literal["json", "csv", "html"] = "json",  # noqa: A002 - the parameter's public name
    lang: str | None = None,
) -> Response:
    """Day by day, with its state, thresholds and forecast."""
    language = html.language(request, lang)
    state = state_of(request)
    with rollups.figures(state.store) as connection:
        held = store_budgets.budgets(connection, _own(connection, request), code=code).get(code)
        if held is None:
            raise _unknown(code)
        content = budget_formats.render(made(connection, state, held), format, language)
    if format == "html":
        return html.page(content, language)
    return Response(content, media_type=MEDIA_TYPES[format], headers=html.NO_SNIFF)


def made(connection: Connection, state: State, held: Held) -> BurnUp:
    """The burn-up as things are now; a `Problem` where it cannot be made."""
    try:
        return burns.burn_up(
            connection, held, state.settings.zone, state.clock(), state.months.common
        )
    except subjects.ReportError as error:
        raise Problem(404, "not-found", str(error)) from error


def _body(said: str) -> dict[str, Any]:
    content = {described.JSON: {"schema": described.reference("BudgetBody")}}
    return {"required": True, "description": said, "content": content}


@router.post(
    "/budgets",
    summary="Make a budget, whose code the service gives",
    responses=described.answers("As it is now", "Held", 422, *described.OF_WRITING),
    openapi_extra={"requestBody": _body("Without `code`.")},
)
async def post_budget(request: Request) -> Response:
    """Its `ETag` and its code come back. Sent again, the one that is there already."""
    state = state_of(request)
    content = body.decode(await body.read(request, state, LIMIT_BYTES), _decoder)
    if "code" in content:
        raise Problem(422, "unprocessable", "code: is given by the service; leave it out")
    budget = _budget(content | {"code": _UNNAMED})
    return await _stored(_make, state, callers.caller_of(request), budget)


@router.put(
    "/budgets/{code}",
    summary="Make a budget, or revise it",
    responses=described.answers("As it is now", "Held", 404, 412, 422, 428, *described.OF_WRITING),
    openapi_extra={
        "requestBody": _body("`code` may be left out: the path has it."),
        "parameters": [described.IF_MATCH],
    },
)
async def put_budget(request: Request, code: Code) -> Response:
    """The same again changes nothing. An owner revises here, and makes one by POST."""
    state = state_of(request)
    budget = _decode(code, await body.read(request, state, LIMIT_BYTES))
    match = request.headers.get("if-match")
    return await _stored(_store, state, callers.caller_of(request), budget, match)


async def _stored(store: Callable[..., Held], *arguments: Any) -> Response:
    try:
        held = await run_in_threadpool(store, *arguments)
    except RegisterError as error:
        raise Problem(422, "unprocessable", str(error)) from error
    return _answer(held)


def _make(state: State, caller: Caller, budget: Budget) -> Held:
    with state.store.write() as connection:
        own = own_of(connection, caller)
        for held in store_budgets.budgets(connection, own).values():
            if held.budget == msgspec.structs.replace(budget, code=held.budget.code):
                return held
        code = _given(budget, store_budgets.budgets(connection))
        return _revise(connection, state, caller, msgspec.structs.replace(budget, code=code), None)


def _given(budget: Budget, taken: Collection[str]) -> str:
    """A code that nobody has, which says what it is of and cannot be guessed."""
    while True:
        about = (budget.project or budget.sia or _UNNAMED)[:_ABOUT_CHARACTERS]
        code = f"{about}-{budget.period}-{secrets.token_hex(_DRAWN_BYTES)}"
        if code not in taken:
            return code


def _store(state: State, caller: Caller, budget: Budget, match: str | None) -> Held:
    with state.store.write() as connection:
        own = own_of(connection, caller)
        before = store_budgets.budgets(connection, own, code=budget.code).get(budget.code)
        if before is None and own is not None:
            raise _unknown(budget.code, "; to make one, POST it to /v1/budgets without a code")
        if before is not None and before.budget == budget:
            return before
        _check_match(before, match)
        return _revise(connection, state, caller, budget, before)


def _revise(
    connection: Connection, state: State, caller: Caller, budget: Budget, before: Held | None
) -> Held:
    was = before.budget if before else None
    _check_own(own_of(connection, caller), budget)
    budgets.check(budget, store_register.held(connection), was)
    _check_mail(state.settings.alerts.mail, budget)
    held = store_budgets.revise(connection, before, budget, caller.id, state.clock())
    state.audit.record(connection, caller.id, f"budget {budget.code}", before=was, after=budget)
    return held


def _check_match(before: Held | None, match: str | None) -> None:
    if before is None:
        if match is not None:
            raise Problem(412, "changed", "there is no such budget yet: send it without If-Match")
        return
    if match is None:
        raise Problem(428, "condition", "send the ETag of the version you revise as If-Match")
    if match != _etag(before):
        raise Problem(412, "changed", f"it is at {_etag(before)} now; read it and decide again")


def _check_own(own: Own | None, budget: Budget) -> None:
    """An owner makes budgets of what is theirs; of the rest they are told that it is not there."""
    if own is not None and budget.project not in own.projects and budget.sia not in own.sia:
        scope = budget.project or budget.sia
        raise RegisterError(f"{scope!r} is not registered; register it")


def _check_mail(mail: Mail | None, budget: Budget) -> None:
    """A budget's alerts go where the operator of the service lets them go."""
    for address in budget.mail_to:
        if mail is None or not mail.may_write_to(address):
            known = ", ".join(mail.domains) if mail else ""
            raise RegisterError(
                f"mail_to: {address!r}: this service writes to addresses of: {known or 'none'}; "
                "ask its operator (--alert-mail-domain)"
            )


def _own(connection: Connection, request: Request) -> Own | None:
    return own_of(connection, callers.caller_of(request))


def own_of(connection: Connection, caller: Caller) -> Own | None:
    """What a caller's reading of budgets is held to, None where to nothing."""
    projects = caller.rights.own
    if projects is None:
        return None
    return Own(projects, store_register.own_sia(connection, projects))


def _decode(code: str, raw: bytes) -> Budget:
    try:
        codes.check_code(code, "budgets")
    except ValueError as error:
        raise Problem(422, "unprocessable", str(error)) from error
    content = body.decode(raw, _decoder)
    if content.setdefault("code", code) != code:
        raise Problem(422, "unprocessable", f"code: {content['code']!r} is not the path's {code!r}")
    return _budget(content)


def _budget(content: dict[str, Any]) -> Budget:
    try:
        return msgspec.convert(content, Budget)
    except msgspec.ValidationError as error:
        raise Problem(422, "unprocessable", f"budgets: {error}") from error


def _etag(held: Held) -> str:
    return f'"{held.known_from.isoformat()}"'


def _answer(held: Held) -> Response:
    response = answers.json_response(held)
    response.headers["ETag"] = _etag(held)
    return response


def _unknown(code: str, remedy: str = "") -> Problem:
    return Problem(404, "not-found", f"budgets: {code!r} is not there{remedy}")
