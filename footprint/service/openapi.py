"""OpenAPI of the bodies that msgspec decodes, from the same structs."""

from typing import Any

import msgspec
from fastapi import FastAPI

from footprint import ledger
from footprint.service.pages import Receipt
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
    """JSON schemas of the wire: batch, page, receipt, register, problem."""
    _, found = msgspec.json.schema_components(
        [ledger.Batch, ledger.Page, Receipt, *LISTS.values()], ref_template=REFERENCE
    )
    # On the wire a page is bytes, kept as they were hashed; what the bytes hold is a Page.
    found["Envelope"]["properties"]["page"] = {"$ref": REFERENCE.format(name="Page")}
    return {**found, "Problem": PROBLEM}


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
