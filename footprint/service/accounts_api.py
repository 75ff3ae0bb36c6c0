"""`/v1/accounts`: who may sign in and what they may; `/v1/me`: who asks; `/v1/audit`: the log.

Accounts are made by signing in at a provider or by `footprint admin`; here they are given rights
and disabled. No secret, nor a digest of one, is ever told.
"""

from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from footprint.interval import from_us, to_us
from footprint.service import (
    accounts,
    answers,
    body,
    callers,
    described,
    store_accounts,
    store_audit,
)
from footprint.service.accounts import AccountError
from footprint.service.described import AccountId, Limit
from footprint.service.problems import Problem
from footprint.service.roles import Rights
from footprint.service.state import State, state_of

router = APIRouter(prefix="/v1", tags=["accounts"])
LIMIT_BYTES = 64 * 1024


class Me(msgspec.Struct, frozen=True):
    """Who asks, and what they may: `kind` is nobody, operator, local, host, program or person."""

    kind: str
    id: str
    label: str
    roles: list[str]
    projects: list[str]


class AccountChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an account is to be: all of it, whatever it was."""

    label: str
    roles: list[str] = []
    projects: list[str] = []
    disabled: bool = False


class AccountInfo(msgspec.Struct, frozen=True):
    """An account: `kind` is local, provider or program. `projects` are those of an owner."""

    account_id: str
    kind: str
    label: str
    roles: list[str]
    projects: list[str]
    disabled: bool
    created: datetime
    seen: datetime | None


class AuditLine(msgspec.Struct, frozen=True):
    """A line of the audit log. `before` and `after`: what was changed; `previous` and `hash` chain
    it (README, "The audit log")."""

    seq: int
    at: datetime
    actor: str
    action: str
    host_id: str | None
    outcome: str
    before: Any
    after: Any
    previous: str
    hash: str


@router.get(
    "/me", summary="Who asks, and what they may", responses=described.answers("The caller", "Me")
)
def get_me(request: Request) -> Response:
    """Also for who has not signed in: nobody, without a role."""
    caller = callers.caller_of(request)
    roles = [role.value for role in sorted(caller.rights.roles)]
    projects = sorted(caller.rights.projects)
    return _kept_out(
        answers.json_response(Me(caller.kind, caller.id, caller.label, roles, projects))
    )


@router.get(
    "/accounts",
    summary="Accounts and their rights",
    responses=described.answers("In the order of their ids", described.listed("AccountInfo")),
)
def list_accounts(request: Request, cursor: str = "", limit: Limit = 100) -> Response:
    """Of people and of programs."""
    answers.check_limit(limit)
    with state_of(request).store.read() as connection:
        found = [
            info(connection, account)
            for account in store_accounts.accounts(connection, cursor, limit + 1)
        ]
    last = found[limit - 1].account_id if len(found) > limit else None
    return _kept_out(answers.json_response(answers.page_of(found, limit, last)))


@router.get(
    "/accounts/{account_id}",
    summary="An account and its rights",
    responses=described.answers("The account", "AccountInfo", 404),
)
def get_account(request: Request, account_id: AccountId) -> Response:
    """By its id."""
    with state_of(request).store.read() as connection:
        account = store_accounts.account(connection, account_id)
        found = info(connection, account) if account else None
    if found is None:
        raise _unknown(account_id)
    return _kept_out(answers.json_response(found))


_BODY = {
    "required": True,
    "content": {described.JSON: {"schema": described.reference("AccountChange")}},
}


@router.put(
    "/accounts/{account_id}",
    summary="Give an account its rights, or disable it",
    responses=described.answers("As it is now", "AccountInfo", 404, 422, *described.OF_WRITING),
    openapi_extra={"requestBody": _BODY},
)
async def put_account(request: Request, account_id: AccountId) -> Response:
    """All that may be changed of it; who is disabled is signed out."""
    state = state_of(request)
    raw = await body.read(request, state, LIMIT_BYTES)
    asked = body.decode(raw, msgspec.json.Decoder(AccountChange))
    actor = callers.caller_of(request).id
    try:
        found = await run_in_threadpool(_change, state, account_id, asked, actor)
    except AccountError as error:
        raise Problem(422, "unprocessable", str(error)) from error
    return _kept_out(answers.json_response(found))


@router.get(
    "/audit",
    summary="The audit log, oldest first",
    responses=described.answers("Lines in their order", described.listed("AuditLine")),
)
def list_audit(request: Request, cursor: str = "", limit: Limit = 100) -> Response:
    """Who did what, when, what it was before and after; `cursor` is `next` of the answer before."""
    answers.check_limit(limit)
    after = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 19 else 0
    with state_of(request).store.read() as connection:
        found = store_audit.lines(connection, after_seq=after, most=limit + 1)
        items = [_line(line) for line in found]
    last = str(items[limit - 1].seq) if len(items) > limit else None
    return _kept_out(answers.json_response(answers.page_of(items, limit, last)))


def _change(state: State, account_id: str, asked: AccountChange, actor: str) -> AccountInfo:
    with state.store.write() as connection:
        account = store_accounts.account(connection, account_id)
        if account is None:
            raise _unknown(account_id)
        before = info(connection, account)
        if account_id == actor:
            raise Problem(403, "forbidden", "nobody changes their own rights")
        rights = accounts.rights_of(connection, asked.roles, asked.projects)
        label = accounts.check_label(asked.label)
        apply(
            connection, account_id, rights, label, to_us(state.clock()) if asked.disabled else None
        )
        changed = store_accounts.account(connection, account_id)
        assert changed is not None  # noqa: S101 - it was there a moment ago
        after = info(connection, changed)
        if after != before:
            state.audit.record(
                connection, actor, f"change {account_id}", before=before, after=after
            )
    return after


def apply(
    connection: Connection, account_id: str, rights: Rights, label: str, disabled_us: int | None
) -> None:
    """Change an account; one that was disabled before stays so since then."""
    account = store_accounts.account(connection, account_id)
    assert account is not None  # noqa: S101 - who calls has looked
    if disabled_us is not None and account.disabled_us is not None:
        disabled_us = account.disabled_us
    store_accounts.change(connection, account, rights, label, disabled_us)


def info(connection: Connection, account: store_accounts.Account) -> AccountInfo:
    """What may be told of an account."""
    rights = store_accounts.rights(connection, account.account_id)
    return AccountInfo(
        account.account_id,
        account.kind,
        account.label,
        sorted(rights.roles),
        sorted(rights.projects),
        account.disabled_us is not None,
        from_us(account.created_us),
        None if account.seen_us is None else from_us(account.seen_us),
    )


def _line(line: store_audit.Line) -> AuditLine:
    return AuditLine(
        line.seq,
        from_us(line.at_us),
        line.actor,
        line.action,
        line.host_id,
        line.outcome,
        _told(line.before),
        _told(line.after),
        line.previous,
        line.hash,
    )


def _told(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


def _unknown(account_id: str) -> Problem:
    return Problem(404, "not-found", f"account {account_id!r}: there is none")


def _kept_out(response: Response) -> Response:
    """Of persons: no cache keeps it."""
    response.headers["Cache-Control"] = "no-store"
    return response
