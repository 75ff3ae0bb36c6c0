"""`/v1/directorates`, `/v1/projects`, `/v1/sia`, `/v1/servers`, `/v1/sites`, `/v1/hardware`: the
register.

PUT makes or corrects: the same content again changes nothing, other content becomes a new row with
its own `known_from`, so that earlier statements can be had again.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from footprint import codes
from footprint.interval import to_us
from footprint.service import (
    answers,
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

router = APIRouter(prefix="/v1", tags=["register"])
_Held = Callable[[Connection], dict[str, Any]]


class Kind(msgspec.Struct, frozen=True):
    """One of the register's lists: its path, its items' type, and how to read it."""

    path: str
    item: type[Item]
    held: _Held

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
)


def _add_routes(kind: Kind) -> None:
    def list_items(request: Request, cursor: str = "", limit: Limit = 100) -> Response:
        answers.check_limit(limit)
        with state_of(request).store.read() as connection:
            items = [item for code, item in kind.held(connection).items() if code > cursor]
        last = items[limit - 1].code if len(items) > limit else None
        return answers.json_response(answers.page_of(items, limit, last))

    def get_item(request: Request, code: Code) -> Response:
        with state_of(request).store.read() as connection:
            item = kind.held(connection).get(code)
        if item is None:
            raise Problem(404, "not-found", f"{kind.path}: {code!r} is not registered")
        return answers.json_response(item)

    async def put_item(request: Request, code: Code) -> Response:
        state = state_of(request)
        async with callers.admitted(request) as caller:
            await run_in_threadpool(callers.check_operator, state, caller, "change the register")
            raw = await body.read(request, state)
            item = _decode(kind, code, raw)
            action = f"register {kind.path} {code}"
            await run_in_threadpool(_store, state, kind.register(item), caller.id, action)
        return answers.json_response(item)

    name = kind.path
    one, schema = f"/{name}/{{code}}", kind.item.__name__
    all_of_them = described.answers("In the order of their codes", described.listed(schema))
    held = described.answers("As it is registered", schema, 404)
    taken = described.answers("It is registered", schema, 422, *described.OF_WRITING)
    router.add_api_route(
        f"/{name}", list_items, name=f"list {name}", methods=["GET"], responses=all_of_them
    )
    router.add_api_route(one, get_item, name=f"get {name}", methods=["GET"], responses=held)
    router.add_api_route(
        one,
        put_item,
        name=f"put {name}",
        methods=["PUT"],
        responses=taken,
        openapi_extra={"requestBody": _body(schema)},
    )


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


def _store(state: State, register: Register, actor: str, action: str) -> None:
    try:
        with state.store.write() as connection:
            if any(take(connection, register, to_us(state.clock())).values()):
                state.audit.record(connection, actor, action, None)
    except RegisterError as error:
        raise Problem(422, "unprocessable", str(error)) from error


def take(connection: Connection, register: Register, now_us: int) -> dict[str, int]:
    """Check a register against what is held, and store what is new in it; how many rows by list."""
    register_check.check(register, store_register.held(connection))
    changed = store_register.store(connection, register, now_us)
    if changed["sites"]:
        store_places.settle(connection, store_register.sites(connection), now_us)
    return changed


for _kind in KINDS:
    _add_routes(_kind)
