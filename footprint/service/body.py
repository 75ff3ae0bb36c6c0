"""Request bodies: who may write, and how much is read, decided before anything is parsed.

In: a request. Out: its bytes, or a `Problem`. uvicorn itself neither limits nor times a body.
"""

import asyncio
import hmac
from typing import TypeVar

import msgspec
from fastapi import Request

from footprint.service.problems import Problem
from footprint.service.settings import Settings, digest

T = TypeVar("T")


def authorize(request: Request, settings: Settings) -> None:
    """Raise a 401 unless the request carries the token that the service was given."""
    if settings.token_sha256 is None:
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(digest(token.strip()), settings.token_sha256)
    if scheme.lower() != "bearer" or not same:
        raise Problem(401, "unauthorized", "send Authorization: Bearer with this service's token")


async def read(request: Request, settings: Settings) -> bytes:
    """The body of a writing request, authorized first, capped and timed while it streams."""
    authorize(request, settings)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # A page of another site can post plain text without asking, but not JSON (Fetch, CORS).
    if media_type != "application/json" or "content-encoding" in request.headers:
        raise Problem(415, "media-type", "send Content-Type: application/json, not compressed")
    if int(request.headers.get("content-length") or 0) > settings.body_limit_bytes:
        raise _too_large(settings)
    try:
        async with asyncio.timeout(settings.body_seconds):
            return await _capped(request, settings)
    except TimeoutError:
        raise Problem(
            408, "timeout", f"the body did not arrive within {settings.body_seconds:g} s"
        ) from None


async def _capped(request: Request, settings: Settings) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > settings.body_limit_bytes:
            raise _too_large(settings)
    return bytes(body)


def _too_large(settings: Settings) -> Problem:
    return Problem(
        413,
        "too-large",
        f"more than {settings.body_limit_bytes} bytes; send fewer pages in each request",
    )


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The body as what it should be, else a 400 that says where and why not."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Problem(400, "malformed", f"body: {error}") from error
