"""OpenAPI of the bodies that msgspec decodes and encodes, from the same structs.

The document is committed as `openapi.json` beside this file, for those who write against the API
and so that a change of it shows: `make openapi` writes it anew, a test compares.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from fastapi import FastAPI

from footprint import burn, factors, ledger, overview, published_file, statement, trend, usage
from footprint.grid.day import GridDay
from footprint.service import (
    accounts_api,
    alerts_api,
    budgets,
    closings_api,
    described,
    efficiency_api,
    ledgers,
    portfolio,
    store_hosts,
)
from footprint.service.batches import Receipt
from footprint.service.enrolments import Enrolment, Issued, Mine
from footprint.service.register import LISTS
from footprint.service.roles import Who, who_may
from footprint.service.store_closings import Closed

COMMITTED = Path(__file__).with_name("openapi.json")
REFERENCE = "#/components/schemas/{name}"
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details; further members depend on the type.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "heads": {"type": "array", "items": {"$ref": REFERENCE.format(name="Head")}},
    },
}


SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The operator's, a host's (`footprint access`) or a program's (`footprint "
        "admin token`)",
    },
    "browser": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-footprint",
        "description": "A browser that is signed in; without TLS, on loopback, `footprint`",
    },
}


def components() -> dict[str, Any]:
    """JSON schemas of the wire: batches, pages, receipt, register, problem."""
    found = _of_structs()
    # On the wire a page is bytes, kept as they were hashed; what the bytes hold is a page.
    batch, envelope = found["Batch"], found["Envelope"]
    found["Envelope"] = _with(envelope, "Envelope", "page", _reference("Page"))
    found["UsageEnvelope"] = _with(envelope, "UsageEnvelope", "page", _reference("UsagePage"))
    envelopes = {**batch["properties"]["pages"], "items": _reference("UsageEnvelope")}
    found["UsageBatch"] = _with(batch, "UsageBatch", "pages", envelopes)
    found["Factor"] = _with(found["Factor"], "Factor", "id", {"type": "string"})
    for item in (*LISTS.values(), budgets.Budget):
        found[f"{item.__name__}Body"] = _without_code(found[item.__name__])
    return {**found, "Problem": PROBLEM}


_STRUCTS = (
    *(ledger.Batch, ledger.Page, usage.UsagePage, Receipt, Enrolment, Issued, Mine),
    *(ledger.Head, ledgers.LastPage, statement.Statement, overview.Overview),
    *(store_hosts.HostMonth, efficiency_api.ServerMonth, factors.Factor, portfolio.Portfolio),
    *(GridDay, trend.Trend, accounts_api.AccountInfo, accounts_api.AccountChange),
    *(accounts_api.AuditLine, accounts_api.Me, burn.BurnUp, budgets.Budget, budgets.Held),
    *(alerts_api.AlertInfo, published_file.Sealed, Closed, closings_api.PublishedInfo),
    *LISTS.values(),
)
_NAMES = {
    "footprint.statement.Line": "StatementLine",
    "footprint.usage.Line": "Line",
    "footprint.alert.Told": "Told",
    "footprint.publication.Line": "PublicationLine",
    "footprint.publication.Told": "PublicationTold",
}
"""Of two structs of one name, what each is called."""


def _of_structs() -> dict[str, Any]:
    _, found = msgspec.json.schema_components(_STRUCTS, ref_template=REFERENCE)
    text = msgspec.json.encode(found).decode()
    for long, name in _NAMES.items():
        text = text.replace(f'"{long}"', f'"{name}"').replace(f'/{long}"', f'/{name}"')
    # `$` is the end of a text in the patterns of JSON Schema (ECMA-262), which have no `\Z`.
    named: dict[str, Any] = msgspec.json.decode(text.replace('\\\\Z"', '$"'))
    return named


def _reference(name: str) -> dict[str, str]:
    return described.reference(name)


def _without_code(schema: dict[str, Any]) -> dict[str, Any]:
    """A body whose code is in the path too."""
    required = [name for name in schema["required"] if name != "code"]
    return {**schema, "title": f"{schema['title']}Body", "required": required}


def _with(schema: dict[str, Any], title: str, name: str, value: Any) -> dict[str, Any]:
    """`schema` under another title, with its property `name` as `value` says."""
    return {**schema, "title": title, "properties": {**schema["properties"], name: value}}


def install(app: FastAPI) -> None:
    """Make `app.openapi()` describe the msgspec bodies too."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = plain()
            schema["components"] = {"schemas": components()}
            schema["components"]["securitySchemes"] = SECURITY
            for path, operations in schema["paths"].items():
                for method, operation in operations.items():
                    _describe(operation, who_may(method.upper(), path))
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _describe(operation: dict[str, Any], who: Who) -> None:
    """Say who may ask for an operation, and what every one of them may be answered."""
    operation["x-footprint-roles"] = ["everybody"] if who.everybody else sorted(who.roles)
    if not who.everybody:
        operation["security"] = [{name: []} for name in SECURITY]
    refused = () if who.everybody else (401, 403)
    operation["responses"] = _responses(operation["responses"], refused)


def _responses(told: dict[str, Any], refused: Iterable[int]) -> dict[str, Any]:
    """A route's answers with those that every route may give; what FastAPI says of parameters that
    cannot be used is a 400 here (`problems`)."""
    own = {
        status: answer
        for status, answer in told.items()
        if "HTTPValidationError" not in str(answer)
    }
    statuses = (*described.ALWAYS, *refused)
    always = {str(status): described.problem(status) for status in statuses}
    return dict(sorted({**always, **own}.items()))


def document() -> bytes:
    """The committed document as it should be."""
    from footprint.service.app import create_app  # noqa: PLC0415 - it imports this module
    from footprint.service.settings import Settings  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        app = create_app(Settings(database=Path(folder) / "footprint.db"))
        try:
            return msgspec.json.format(msgspec.json.encode(app.openapi()), indent=2) + b"\n"
        finally:
            app.state.footprint.store.close()


if __name__ == "__main__":
    COMMITTED.write_bytes(document())
    sys.stdout.write(f"footprint: wrote {COMMITTED}\n")
