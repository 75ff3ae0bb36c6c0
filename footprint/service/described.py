"""What OpenAPI says of a route: its parameters' forms, its answers' types.

In: names of schemas that `openapi.components` has. Out: FastAPI's `responses` and annotations. They
describe and change nothing; tests hold every answer to them.
"""

from typing import Annotated, Any

from fastapi import Path, Query

from footprint import codes
from footprint.service.answers import MOST_ITEMS
from footprint.service.problems import MEDIA_TYPE

JSON = "application/json"
_CODE = f"^{codes.CODE_PATTERN}$"
_MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"

Code = Annotated[str, Path(json_schema_extra={"pattern": _CODE})]
AccountId = Annotated[str, Path(json_schema_extra={"pattern": "^fp[ap]_[0-9a-f]{16}$"})]
Month = Annotated[str, Path(json_schema_extra={"pattern": _MONTH, "examples": ["2026-11"]})]
AskedMonth = Annotated[str, Query(json_schema_extra={"pattern": _MONTH, "examples": ["2026-11"]})]
Limit = Annotated[int, Query(json_schema_extra={"minimum": 1, "maximum": MOST_ITEMS})]

IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of the version that is changed; none for a new one",
    "schema": {"type": "string", "maxLength": 100},
}
PROBLEMS = {
    400: "The address or the body cannot be used; says what and where",
    401: "The token is missing or wrong",
    403: "The token may not do that, or another site's page asks",
    404: "There is nothing here",
    408: "The body did not arrive in time",
    412: "It was changed meanwhile: `If-Match` is not its `ETag` any more",
    413: "The body is too large, as it came or unpacked",
    415: "Neither JSON nor JSON with Content-Encoding: zstd",
    421: "Asked under another name than this machine's, of a service without a token",
    422: "The content cannot be used; says why",
    428: "What is there is changed with `If-Match` alone",
    429: "Too many requests; `Retry-After` says when to try again",
    503: "Busy, or without its database; `Retry-After` says when to try again",
}
ALWAYS = (400, 421, 429, 503)
"""What every route may answer, whatever it is asked."""
OF_WRITING = (401, 403, 408, 413, 415)
"""What every route with a body may answer besides."""

Responses = dict[int | str, dict[str, Any]]


def reference(schema: str) -> dict[str, str]:
    """The schema of that name."""
    return {"$ref": f"#/components/schemas/{schema}"}


def problem(status: int) -> dict[str, Any]:
    """A problem's answer."""
    return response_of(PROBLEMS[status], "Problem")


def response_of(description: str, schema: str, media_type: str = MEDIA_TYPE) -> dict[str, Any]:
    """An answer of one type, a problem unless it says otherwise."""
    return {"description": description, "content": {media_type: {"schema": reference(schema)}}}


def answers(what: str, schema: Any, *problems: int, **texts: str) -> Responses:
    """A 200 of JSON in `schema` (a name, or a schema itself) and problems; `texts` are further
    media types of the 200, by any names."""
    shown = reference(schema) if isinstance(schema, str) else schema
    content: dict[str, Any] = {JSON: {"schema": shown}}
    content |= {media_type: {"schema": {"type": "string"}} for media_type in texts.values()}
    found: Responses = {200: {"description": what, "content": content}}
    return found | {status: problem(status) for status in problems}


def versions(schema: str) -> dict[str, Any]:
    """The envelope of an item's versions."""
    version = {
        "type": "object",
        "required": ["known_from", "item"],
        "properties": {
            "known_from": {"type": "string", "format": "date-time"},
            "item": reference(schema),
        },
    }
    found = listed(schema)
    return {
        **found,
        "properties": {**found["properties"], "items": {"type": "array", "items": version}},
    }


def listed(schema: str) -> dict[str, Any]:
    """The envelope of a list."""
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": reference(schema)},
            "next": {
                "type": ["string", "null"],
                "description": "`cursor` of the items after these; null at the end",
            },
        },
    }
