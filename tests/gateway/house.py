"""Gateways and servers that answer on loopback as they are told to, and a reader in its own time.

`serving()` gives a `Web` that answers with metrics or records, or not at all; `Bench` runs a real
reader against it with a clock that the test moves, real SQLite and real pages.
"""

import contextlib
import http.server
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from exporters.gateway.reader import Reader
from exporters.gateway.settings import Settings, parse
from exporters.surroundings import Surroundings
from footprint import usage
from footprint.interval import from_us, to_us
from footprint.ledger import GENESIS, hash_bytes
from footprint.usage import UsagePage
from tests.pages import START
from tests.running import page_bodies

START_US = to_us(START)
QUARTER_US = 900_000_000
SECOND_US = 1_000_000

Respond = Callable[[str, dict[str, str]], tuple[int, bytes] | None]


class Web:
    """What is answered: by `text` for any path, or by `respond`; None hangs up."""

    def __init__(self) -> None:
        self.url = ""
        self.text = ""
        self.status = 200
        self.down = False
        self.respond: Respond | None = None
        self.asked: list[tuple[str, dict[str, str], str | None]] = []

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, bytes] | None:
        """Status and body, or None."""
        if self.down:
            return None
        if self.respond is not None:
            return self.respond(path, query)
        return self.status, self.text.encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    web: Web

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        self.web.asked.append((parts.path, query, self.headers.get("Authorization")))
        answer = self.web.answer(parts.path, query)
        if answer is None:
            return
        self.send_response(answer[0])
        self.send_header("Content-Length", str(len(answer[1])))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(answer[1])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is part of the test."""


@contextlib.contextmanager
def serving() -> Iterator[Web]:
    """A server on a free port, until the end of the block."""
    web = Web()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"web": web}))
    web.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def litellm(teams: dict[str, tuple[int, ...]], started: float | None = None) -> str:
    """LiteLLM's metrics: requests, prompt, generated and, if given, cached tokens by team."""
    names = ("proxy_total_requests", "input_tokens", "output_tokens", "input_cached_tokens")
    lines = []
    if started is not None:
        lines = ["# TYPE process_start_time_seconds gauge", f"process_start_time_seconds {started}"]
    for place, name in enumerate(names):
        lines.append(f"# TYPE litellm_{name}_metric_total counter")
        for team, numbers in teams.items():
            if place < len(numbers):
                labels = f'requested_model="large",team_alias="{team}",user="u-{team}@example.fr"'
                lines.append(f"litellm_{name}_metric_total{{{labels}}} {numbers[place]}")
    return "\n".join(lines) + "\n"


def vllm(requests: int, prompt: int, generated: int, prefix: str = "vllm:") -> str:
    """A server's own counters."""
    label = '{engine="0",model_name="large"}'
    names = {"request_success": requests, "prompt_tokens": prompt, "generation_tokens": generated}
    return "".join(
        f"# TYPE {prefix}{name}_total counter\n{prefix}{name}_total{label} {number}.0\n"
        for name, number in names.items()
    )


def settings(folder: Path, gateway: str, server: str = "", **more: Any) -> Settings:
    """A reader of one LiteLLM, and of one vLLM where its URL is given."""
    values: dict[str, Any] = {
        "name": "gateway-1",
        "state_dir": str(folder / "state"),
        "listen": "127.0.0.1:0",
        "gateways": [
            {
                "kind": "litellm",
                "url": gateway,
                "models": {"large": {"server": "albert", "model": "mistral"}},
                "rules": [
                    {"labels": {"team_alias": "litellm-internal-health-check"}, "ignore": True},
                    {"labels": {"team_alias": "Accueil*"}, "sia": "accueil"},
                    {"labels": {"team_alias": "Tri*"}, "sia": "tri"},
                ],
            }
        ],
    }
    if server:
        values["servers"] = [
            {"kind": "vllm", "url": server, "server": "albert", "model": "mistral"}
        ]
    return parse({**values, **more}, folder / "gateway.toml")


class Bench:
    """A reader whose time is the test's; it can be stopped and started again."""

    def __init__(self, made: Settings, begin_us: int = START_US) -> None:
        self.settings = made
        self.now_us = begin_us
        self.reader = self._start()

    def _start(self) -> Reader:
        now_ns = lambda: self.now_us * 1000  # noqa: E731 - one clock, twice
        return Reader(self.settings, Surroundings(wall_ns=now_ns, mono_ns=now_ns))

    def look(self, at_us: int | None = None) -> None:
        """One look, at an instant after START (None: now)."""
        if at_us is not None:
            self.now_us = START_US + at_us
        self.reader.look_once()

    def restart(self) -> None:
        """Stop the reader, and start one on the same state."""
        self.reader.finish()
        self.reader = self._start()

    def close(self) -> None:
        """Stop the reader."""
        self.reader.finish()

    @property
    def spool(self) -> Path:
        """Where its pages are."""
        return self.settings.state_path / "usage.db"

    def pages(self) -> list[UsagePage]:
        """Every page, its chain verified."""
        return verified(page_bodies(self.spool))

    def newest(self) -> list[UsagePage]:
        """The page that holds for each interval, oldest first."""
        return newest(self.pages())


@contextlib.contextmanager
def bench(made: Settings, begin_us: int = START_US) -> Iterator[Bench]:
    """A reader, until the end of the block."""
    result = Bench(made, begin_us)
    try:
        yield result
    finally:
        result.close()


def verified(bodies: list[bytes]) -> list[UsagePage]:
    """Pages decoded as the service does, each following the one before."""
    pages, previous_hash = [], GENESIS
    for seq, body in enumerate(bodies):
        page = usage.decode(body)
        assert (page.seq, page.previous_hash) == (seq, previous_hash)
        previous_hash = hash_bytes(body)
        pages.append(page)
    return pages


def newest(pages: list[UsagePage]) -> list[UsagePage]:
    """A later page of the same interval holds instead of an earlier one; no two others overlap."""
    kept = {(page.start, page.end): page for page in pages}
    ordered = [kept[interval] for interval in sorted(kept)]
    for before, after in itertools.pairwise(ordered):
        assert before.end <= after.start
    return ordered


def tokens(pages: list[UsagePage]) -> dict[str, tuple[int, int, int]]:
    """Prompted, cached and generated tokens by consumer, summed."""
    sums: dict[str, tuple[int, int, int]] = {}
    for page in pages:
        for line in page.lines:
            before = sums.get(line.consumer, (0, 0, 0))
            more = (line.prompt_tokens or 0, line.cached_tokens, line.generated_tokens or 0)
            sums[line.consumer] = (before[0] + more[0], before[1] + more[1], before[2] + more[2])
    return sums


def gaps(page: UsagePage) -> list[tuple[str, float, float]]:
    """Cause, and from when until when in seconds after START."""
    return [
        (
            gap.cause,
            (gap.start - from_us(START_US)).total_seconds(),
            (gap.end - from_us(START_US)).total_seconds(),
        )
        for gap in page.gaps
    ]
