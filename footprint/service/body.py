"""Request bodies: how much is read and for how long, before anything of it is parsed.

In: a request whose sender may write (`callers`). Out: its bytes, unpacked, or a `Problem`. uvicorn
itself neither limits nor times a body.
"""

import asyncio
from io import BytesIO
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
import zstandard
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from footprint.service.problems import ACCEPTED_CODING, Problem
from footprint.service.state import State

T = TypeVar("T")
WINDOW_BYTES = 8 * 1024 * 1024
"""What a sender may have a decoder keep in memory; each has to bear that (RFC 8878, 3.1.1.1.2)."""
_CHUNK_BYTES = 64 * 1024


async def read(
    request: Request,
    state: State,
    limit_bytes: int | None = None,
    media_type: str = "application/json",
) -> bytes:
    """The body of a writing request, capped and timed while it streams, capped again while it is
    unpacked. `limit_bytes`: less than the setting allows."""
    settings = state.settings
    limit_bytes = min(limit_bytes or settings.body_limit_bytes, settings.body_limit_bytes)
    coding = _coding(request, media_type)
    try:
        if int(request.headers.get("content-length") or 0) > limit_bytes:
            raise _too_large(limit_bytes)
        async with asyncio.timeout(settings.body_seconds):
            body = await _capped(request, limit_bytes)
        return await run_in_threadpool(unpack, body, limit_bytes) if coding else body
    except TimeoutError:
        state.tally.count_refused("slow_body")
        raise Problem(
            408, "timeout", f"the body did not arrive within {settings.body_seconds:g} s"
        ) from None
    except ClientDisconnect:
        raise Problem(400, "malformed", "the body ended before its time") from None
    except Problem as problem:
        if problem.status == 413:
            state.tally.count_refused("too_large")
        raise


async def read_form(request: Request, state: State, limit_bytes: int) -> dict[str, str]:
    """The fields of a page's form, the last of each name, capped and timed as any body."""
    raw = await read(request, state, limit_bytes, "application/x-www-form-urlencoded")
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise Problem(400, "malformed", "body: not a form that can be read") from None


def _coding(request: Request, expected: str) -> str:
    """How the body is compressed, "" for not at all."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = request.headers.get("content-encoding", "").strip().lower()
    # A page of another site can post plain text without asking, but not JSON (Fetch, CORS).
    if media_type != expected or coding not in ("", "identity", ACCEPTED_CODING):
        raise Problem(415, "media-type", f"send Content-Type: {expected}, as it is or in zstd")
    return "" if coding == "identity" else coding


async def _capped(request: Request, limit_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
    return bytes(body)


def unpack(packed: bytes, limit_bytes: int) -> bytes:
    """What zstd frames hold, of which no more is unpacked than may be read."""
    unpacked = bytearray()
    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES)
    try:
        with decompressor.stream_reader(BytesIO(packed), read_across_frames=True) as reader:
            while chunk := reader.read(_CHUNK_BYTES):
                unpacked += chunk
                if len(unpacked) > limit_bytes:
                    raise _too_large(limit_bytes)
    except zstandard.ZstdError as error:
        raise Problem(400, "malformed", f"body: not zstd that can be read: {error}") from error
    return bytes(unpacked)


def _too_large(limit_bytes: int) -> Problem:
    return Problem(
        413, "too-large", f"more than {limit_bytes} bytes; send fewer pages in each request"
    )


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The body as what it should be, else a 400 that says where and why not."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Problem(400, "malformed", f"body: {error}") from error
