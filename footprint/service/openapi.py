"""OpenAPI of the bodies that msgspec decodes, from the same structs."""

from typing import Any

import msgspec
from fastapi import FastAPI

from footprint import ledger, usage
from footprint.service.batches import Receipt
from footprint.service.register import LISTS

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


def components() -> dict[str, Any]:
    """JSON schemas of the wire: batches, pages, receipt, register, problem."""
    _, found = msgspec.json.schema_components(
        [ledger.Batch, ledger.Page, usage.UsagePage, Receipt, *LISTS.values()],
        ref_template=REFERENCE,
    )
    # On the wire a page is bytes, kept as they were hashed; what the bytes hold is a page.
    batch, envelope = found["Batch"], found["Envelope"]
    found["Envelope"] = _with(envelope, "Envelope", "page", _reference("Page"))
    found["UsageEnvelope"] = _with(envelope, "UsageEnvelope", "page", _reference("UsagePage"))
    envelopes = {**batch["properties"]["pages"], "items": _reference("UsageEnvelope")}
    found["UsageBatch"] = _with(batch, "UsageBatch", "pages", envelopes)
    return {**found, "Problem": PROBLEM}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": REFERENCE.format(name=name)}


def _with(schema: dict[str, Any], title: str, name: str, value: Any) -> dict[str, Any]:
    """`schema` under another title, with its property `name` as `value` says."""
    return {**schema, "title": title, "properties": {**schema["properties"], name: value}}


def install(app: FastAPI) -> None:
    """Make `app.openapi()` describe the msgspec bodies too."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = plain()
            schema.setdefault("components", {}).setdefault("schemas", {}).update(components())
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
