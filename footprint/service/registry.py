"""`/v1/directorates`, `/v1/projects`, `/v1/sia`, `/v1/servers`, `/v1/sites`, `/v1/hardware`,
`/v1/externals`: the register.

PUT makes or corrects: the same content again changes nothing, other content becomes a new row with
its own `known_from`, so that earlier statements can be had again. An item has an `ETag`; whoever
sends it back as `If-Match` undoes nothing that they have not seen.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from footprint import codes, json_text
from footprint.interval import from_us, to_us
from footprint.service import (
    answers,
    audit,
    body,
    callers,
    described,
    register_check,
    store_places,
    store_register,
)
from footprint.service.described import Code, Limit
from footprint.service.problems import Problem
from footprint.service.register import (
    Directorate,
    External,
    Hardware,
    Item,
    Project,
    Register,
    RegisterError,
    Server,
    Sia,
    Site,
)
from footprint.service.state import State, state_of
from footprint.service.store_register import Change
from footprint.service.store_versions import EVER_US

router = APIRouter(prefix="/v1", tags=["register"])
_Held = Callable[..., dict[str, Any]]
Asked = Annotated[
    str, Query(max_length=200, description="Words of code, name or purpose; all of them")
]


class Kind(msgspec.Struct, frozen=True):
    """One of the register's lists: its path, its items' type, and how to read it."""

    path: str
    item: type[Item]
    held: _Held

    def held_at(
        self,
        connection: Connection,
        own: frozenset[str] | None,
        as_of_us: int = EVER_US,
        *,
        code: str | None = None,
    ) -> dict[str, Any]:
        """The list, or one item of it, as known at an instant; what is of the projects `own`, None
        for all of it."""
        if own is None:
            return self.held(connection, as_of_us, code=code)
        return self.held(connection, as_of_us, own, code=code)

    def register(self, item: Item) -> Register:
        """A register that holds `item` alone."""
        return msgspec.structs.replace(Register(), **{self.path: [item]})


KINDS = (
    Kind("directorates", Directorate, store_register.directorates),
    Kind("projects", Project, store_register.projects),
    Kind("sia", Sia, store_register.sia),
    Kind("servers", Server, store_register.servers),
    Kind("sites", Site, store_register.sites),
    Kind("hardware", Hardware, store_register.hardware),
    Kind("externals", External, store_register.externals),
)


class Version(msgspec.Struct, frozen=True):
    """An item as it was known from an instant on."""

    known_from: datetime
    item: Any


def _add_routes(kind: Kind) -> None:
    def list_items(
        request: Request, cursor: str = "", limit: Limit = 100, q: Asked = ""
    ) -> Response:
        answers.check_limit(limit)
        own = callers.own_of(request)
        with state_of(request).store.read() as connection:
            items = [
                item
                for code, item in kind.held_at(connection, own).items()
                if code > cursor and _says(item, q)
            ]
        last = items[limit - 1].code if len(items) > limit else None
        return answers.json_response(answers.page_of(items, limit, last))

    def get_item(request: Request, code: Code) -> Response:
        own = callers.own_of(request)
        with state_of(request).store.read() as connection:
            item = kind.held_at(connection, own, code=code).get(code)
        if item is None:
            raise Problem(404, "not-found", f"{kind.path}: {code!r} is not registered")
        return _tagged(item)

    def get_history(request: Request, code: Code) -> Response:
        own = callers.own_of(request)
        with state_of(request).store.read() as connection:
            found = _history(connection, kind, own, code)
        if not found:
            raise Problem(404, "not-found", f"{kind.path}: {code!r} is not registered")
        return answers.json_response(answers.page_of(found, len(found), None))

    async def put_item(request: Request, code: Code) -> Response:
        state = state_of(request)
        item = _decode(kind, code, await body.read(request, state))
        actor, match = callers.caller_of(request).id, request.headers.get("if-match")

        def store(connection: Connection) -> list[Change]:
            if match is not None:
                _check_match(kind.held_at(connection, None, code=code).get(code), match)
            return take(connection, kind.register(item), to_us(state.clock()))

        await run_in_threadpool(_store, state, store, actor)
        return _tagged(item)

    name = kind.path
    one, schema = f"/{name}/{{code}}", kind.item.__name__
    all_of_them = described.answers("In the order of their codes", described.listed(schema))
    held = described.answers("As it is registered, with its `ETag`", schema, 404)
    taken = described.answers("It is registered", schema, 412, 422, *described.OF_WRITING)
    router.add_api_route(
        f"/{name}", list_items, name=f"list {name}", methods=["GET"], responses=all_of_them
    )
    router.add_api_route(one, get_item, name=f"get {name}", methods=["GET"], responses=held)
    router.add_api_route(
        f"{one}/history",
        get_history,
        name=f"history {name}",
        methods=["GET"],
        responses=described.answers(
            "As it was known, oldest first", described.versions(schema), 404
        ),
    )
    router.add_api_route(
        one,
        put_item,
        name=f"put {name}",
        methods=["PUT"],
        responses=taken,
        openapi_extra={"requestBody": _body(schema), "parameters": [described.IF_MATCH]},
    )


def _history(
    connection: Connection, kind: Kind, own: frozenset[str] | None, code: str
) -> list[Version]:
    """The versions that somebody may see. What only others see of one makes none of its own."""
    found, before = [], None
    for at_us in store_register.versions(connection, kind.item, code):
        item = kind.held_at(connection, own, at_us, code=code).get(code)
        if item and item != before:
            found.append(Version(from_us(at_us), item))
        before = item
    return found


def _says(item: Item, words: str) -> bool:
    """Whether all words stand in an item's code, name or purpose, whatever their case."""
    told = f"{item.code} {item.name} {getattr(item, 'purpose', None) or ''}".casefold()
    return all(word in told for word in words.casefold().split())


def _body(schema: str) -> dict[str, Any]:
    return {
        "required": True,
        "description": "`code` may be left out: the path has it.",
        "content": {described.JSON: {"schema": described.reference(f"{schema}Body")}},
    }


def _decode(kind: Kind, code: str, raw: bytes) -> Item:
    """The item in a body; its code is the path's."""
    try:
        codes.check_code(code, kind.path)
    except ValueError as error:
        raise Problem(422, "unprocessable", str(error)) from error
    content = body.decode(raw, msgspec.json.Decoder(dict[str, Any]))
    if content.setdefault("code", code) != code:
        raise Problem(422, "unprocessable", f"code: {content['code']!r} is not the path's {code!r}")
    try:
        return msgspec.convert(content, kind.item)
    except msgspec.ValidationError as error:
        raise Problem(422, "unprocessable", f"{kind.path}: {error}") from error


def _etag(item: Item) -> str:
    """Of its content: the same again has the same."""
    return f'"{hashlib.sha256(json_text.encode(item)).hexdigest()[:32]}"'


def _tagged(item: Item) -> Response:
    response = answers.json_response(item)
    response.headers["ETag"] = _etag(item)
    return response


def _check_match(held: Item | None, match: str) -> None:
    """Raise the 412 where somebody corrects another version than the one that they have seen."""
    if held is None:
        raise Problem(412, "changed", "it is not registered yet: send it without If-Match")
    if match != _etag(held):
        raise Problem(412, "changed", f"it is at {_etag(held)} now; read it and decide again")


def _store(state: State, store: Callable[[Connection], list[Change]], actor: str) -> None:
    try:
        with state.store.write() as connection:
            for change in store(connection):
                state.audit.record(
                    connection, actor, action_of(change), before=change.before, after=change.after
                )
    except RegisterError as error:
        raise Problem(422, "unprocessable", str(error)) from error


def action_of(change: Change) -> str:
    """What the audit log calls a change."""
    return f"register {change.list} {change.after.code}"


def take(connection: Connection, register: Register, now_us: int) -> list[Change]:
    """Check a register against what is held, and store what is new in it."""
    register_check.check(register, store_register.held(connection))
    changes = store_register.store(connection, register, now_us)
    if any(change.list == "sites" for change in changes):
        store_places.settle(connection, store_register.sites(connection), now_us)
    return changes


def take_by_command(connection: Connection, register: Register, now: datetime) -> Counter[str]:
    """The same for `footprint` on the database, with lines in the audit log; how many by list."""
    changes = take(connection, register, to_us(now))
    for change in changes:
        audit.by_command(
            connection, now, action_of(change), before=change.before, after=change.after
        )
    return Counter(change.list for change in changes)


for _kind in KINDS:
    _add_routes(_kind)
