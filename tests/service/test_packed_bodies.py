"""Bodies in zstd: read as if they had come plain, and bounded in what they unfold to."""

from pathlib import Path

import httpx
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from footprint.service.body import unpack
from footprint.service.problems import Problem
from tests import usage_pages
from tests.pages import batch, make_ledger
from tests.running import Process, Service, ended
from tests.service.house import JSON, House

ZSTD = {"Content-Encoding": "zstd"}
MIB = 1024 * 1024


def packed(body: bytes) -> bytes:
    """The body in one frame."""
    return zstandard.compress(body)


def test_a_packed_batch_is_the_batch(house: House) -> None:
    """The evidence is the page's bytes, however they came; pages of usage too."""
    pages = make_ledger(3)
    answer = house.post_bytes(packed(batch(pages)), **ZSTD)
    assert answer.json()["accepted"] == 3
    assert [row[9] for row in house.content()["page"]] == [page.body for page in pages]
    assert house.post(pages).json()["duplicates"] == 3
    usage = batch(usage_pages.make_ledger(1))
    assert house.tell_bytes(packed(usage), **ZSTD).json()["accepted"] == 1


def test_a_body_may_come_in_several_frames(house: House) -> None:
    """As a sender that streams would write it."""
    body = batch(make_ledger(2))
    answer = house.post_bytes(packed(body[:100]) + packed(body[100:]), **ZSTD)
    assert answer.json()["accepted"] == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not zstd", 400),
        (packed(b"{}")[:-1] + b"\0", 400),
        (packed(batch(make_ledger(1)))[:-20], 400),
        (b"", 400),
        (batch(make_ledger(1)), 400),
        (zstandard.ZstdCompressor(
            compression_params=zstandard.ZstdCompressionParameters(window_log=27)
        ).compress(b"x" * 200 * MIB), 400),
    ],
)  # fmt: skip
def test_what_is_no_frame_is_malformed(house: House, body: bytes, status: int) -> None:
    """Or asks for more memory than a decoder has to give."""
    answer = house.post_bytes(body, **ZSTD)
    assert answer.status_code == status
    assert answer.json()["type"] == "urn:footprint:problem:malformed"
    assert house.content()["page"] == []


def bomb(total_bytes: int) -> bytes:
    """Zeros without end in a few bytes."""
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    chunk = bytes(MIB)
    parts = [compressor.compress(chunk) for _ in range(total_bytes // MIB)]
    return b"".join(parts) + compressor.flush()


def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    """Two gigabytes in some kilobytes: refused at the cap, as the greatest size that the service's
    process ever had tells."""
    body = bomb(2048 * MIB)
    assert len(body) < MIB
    service = Service(tmp_path)
    with ended(service):
        before = greatest_bytes(service)
        for _ in range(3):
            url = f"{service.url}/v1/pages"
            answer = httpx.post(url, content=body, headers=JSON | ZSTD, timeout=60)
            assert (answer.status_code, answer.json()["heads"]) == (413, [])
        assert greatest_bytes(service) - before < 200 * MIB


def greatest_bytes(process: Process) -> int:
    """The most memory that a process ever had resident (proc_pid_status(5): VmHWM)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@given(st.binary(max_size=3000), st.integers(1, 3000))
def test_no_more_is_unpacked_than_may_be_read(content: bytes, limit: int) -> None:
    """Whatever it is: all of it, or a refusal."""
    body = packed(content)
    if len(content) <= limit:
        assert unpack(body, limit) == content
    else:
        with pytest.raises(Problem, match=f"more than {limit} bytes"):
            unpack(body, limit)


def test_another_coding_is_refused_with_what_is_read(house: House) -> None:
    """415 names zstd in Accept-Encoding (RFC 9110, 12.5.3); a list of codings is not unpacked."""
    for coding in ("gzip", "zstd, zstd", "br", "zstd,gzip"):
        answer = house.post_bytes(b"{}", **{"Content-Encoding": coding})
        assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "zstd")
    plain = house.post_bytes(batch(make_ledger(1)), **{"Content-Encoding": "identity"})
    assert plain.status_code == 200


def test_a_packed_body_may_be_registered(house: House) -> None:
    """Every writing route reads bodies alike."""
    answer: httpx.Response = house.client.put(
        "/v1/directorates/dsi", content=packed(b'{"name":"DSI"}'), headers=JSON | ZSTD
    )
    assert answer.status_code == 200
