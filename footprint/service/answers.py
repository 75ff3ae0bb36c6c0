"""Answers that every resource gives alike: JSON by msgspec, lists by cursor."""

from typing import Any

from fastapi import Response

from footprint import json_text
from footprint.service.problems import Problem

MOST_ITEMS = 1000


def json_response(value: Any, status: int = 200) -> Response:
    """`value` as JSON; exact: integers and decimals as they are."""
    return Response(json_text.encode(value), status, media_type="application/json")


def page_of(items: list[Any], limit: int, cursor: str | None) -> dict[str, Any]:
    """A list's envelope: at most `limit` items, and the cursor of the next ones (null: the end)."""
    return {"items": items[:limit], "next": cursor if len(items) > limit else None}


def check_limit(limit: int) -> int:
    """`limit` if it may be asked for, else a 400."""
    if not 1 <= limit <= MOST_ITEMS:
        raise Problem(400, "query", f"limit: {limit} is not between 1 and {MOST_ITEMS}")
    return limit
