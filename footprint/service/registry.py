"""`/v1/directorates`, `/v1/projects`, `/v1/sia`, `/v1/servers`: the register, read by anyone.

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
from footprint.service import answers, body, register_check, store_register
from footprint.service.problems import Problem
from footprint.service.register import (
    Directorate,
    Item,
    Project,
    Register,
    RegisterError,
    Server,
    Sia,
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
)


def _add_routes(kind: Kind) -> None:
    def list_items(request: Request, cursor: str = "", limit: int = 100) -> Response:
        answers.check_limit(limit)
        with state_of(request).store.read() as connection:
            items = [item for code, item in kind.held(connection).items() if code > cursor]
        last = items[limit - 1].code if len(items) > limit else None
        return answers.json_response(answers.page_of(items, limit, last))

    def get_item(request: Request, code: str) -> Response:
        with state_of(request).store.read() as connection:
            item = kind.held(connection).get(code)
        if item is None:
            raise Problem(404, "not-found", f"{kind.path}: {code!r} is not registered")
        return answers.json_response(item)

    async def put_item(request: Request, code: str) -> Response:
        state = state_of(request)
        raw = await body.read(request, state.settings)
        item = _decode(kind, code, raw)
        await run_in_threadpool(_store, state, kind.register(item))
        return answers.json_response(item)

    name = kind.path
    router.add_api_route(f"/{name}", list_items, name=f"list {name}", methods=["GET"])
    router.add_api_route(f"/{name}/{{code}}", get_item, name=f"get {name}", methods=["GET"])
    router.add_api_route(
        f"/{name}/{{code}}",
        put_item,
        name=f"put {name}",
        methods=["PUT"],
        openapi_extra=_openapi(kind),
    )


def _openapi(kind: Kind) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{kind.item.__name__}"}
    return {
        "requestBody": {
            "required": True,
            "description": "`code` may be left out: the path has it.",
            "content": {"application/json": {"schema": reference}},
        }
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


def _store(state: State, register: Register) -> None:
    try:
        with state.store.write() as connection:
            take(connection, register, to_us(state.clock()))
    except RegisterError as error:
        raise Problem(422, "unprocessable", str(error)) from error


def take(connection: Connection, register: Register, now_us: int) -> dict[str, int]:
    """Check a register against what is held, and store what is new in it; how many rows by list."""
    register_check.check(register, store_register.held(connection))
    return store_register.store(connection, register, now_us)


for _kind in KINDS:
    _add_routes(_kind)
