"""What happens in test_shared_server.py: processes, gateways that fail, and what they left.

Two simulated model servers behind a simulated LiteLLM speak HTTP. A reader process asks them every
second and sends usage to a service process, while the gateway is unreachable for a time and once
loses its counters. Beside it a reader asks an OpenGateLLM, another a damaged LiteLLM, and a daily
export is imported. All that they are shown is full of names and e-mails.
"""

import json
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from exporters.twin.serving import rehearsal, web
from exporters.twin.serving.counters import Gateway, Pair
from exporters.twin.serving.plan import CONSUMERS, MODELS, SIA, ServedPlan
from exporters.twin.serving.reading import settings
from exporters.twin.serving.speaking import person
from exporters.twin.serving.web import Site
from footprint import usage
from footprint.codes import UNATTRIBUTED
from footprint.interval import QUARTER_HOUR_SECONDS, floor_to, paris_date
from footprint.usage import Line, UsagePage
from tests.gateway.house import Web, serving
from tests.pages import batch, chain, make_page
from tests.running import BIN, Process, Service, ended, get, wait_until

PLAN = ServedPlan(seconds=1800, page_seconds=300)
BEFORE, UP, AWAY, LOST, AFTER = 6000, 8000, 10_000, 12_000, 14_000
"""Steps of the simulation: what was asked before the reader came; then while all was well, while
the gateway did not answer, before it lost its counters, and since."""
ENERGY_UJ = {MODELS[0].server: 345_678_901, MODELS[1].server: 45_678_907, "@idle": 1_234_567}
READER, RECORDS, DAMAGED = "litellm-reader", "records-reader", "damaged-reader"
OTHER = "pool-other"
"""The server behind the gateway that keeps records."""
EXPORT_DAYS = 45
"""How long ago the daily export is of: another month than the story's."""

Tokens = tuple[int, ...]
"""Prompted, of them cached, generated."""
Sums = dict[tuple[str, str], Tokens]
"""By server and consumer."""


class Reader(Process):
    """`footprint-agent gateway` with a configuration of its own."""

    def __init__(self, folder: Path, name: str, values: Mapping[str, Any]) -> None:
        self.config = folder / f"{name}.toml"
        state = {"name": name, "state_dir": str(folder / name), "listen": "127.0.0.1:0"}
        self.config.write_text(toml({**values, **state, "poll_seconds": 1, "page_seconds": 1}))
        command = [str(BIN / "footprint-agent"), "gateway", "--config", str(self.config)]
        super().__init__(command, folder / f"{name}.log", r"/metrics on (http://\S+)/metrics")
        self.url = self.match[1]


class Story:
    """One run, from a service without usage to a statement."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.inputs = folder / "traces", folder / "inputs"
        self.folder.mkdir()
        self.inputs.mkdir()
        self._served = rehearsal.load(PLAN).served
        self.pair = Pair(self._served)
        an_hour_ago = time.time() - 3600
        self.pair.gateway.restart(0, an_hour_ago)
        for server in self.pair.servers:
            server.restart(0, an_hour_ago)
        self.began = datetime.now(UTC)
        self.reports: dict[str, str] = {}
        """What was printed or shown to somebody, by what it is."""

    @property
    def database(self) -> Path:
        """The service's."""
        return self.folder / "footprint.db"

    @property
    def statement(self) -> dict[str, Any]:
        """The month's."""
        found: dict[str, Any] = json.loads(self.reports["statement.json"])
        return found

    def pages(self, host: str = READER) -> list[UsagePage]:
        """What the service holds of a reader: of each interval the newest page."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            query = "SELECT body FROM usage_page WHERE host_id = ? ORDER BY ledger_id, seq"
            bodies = [row[0] for row in database.execute(query, (host,))]
        pages = [usage.decode(body) for body in bodies]
        return list({(page.start, page.end): page for page in pages}.values())

    def named(self, host: str = READER) -> Sums:
        """What the gateway's lines hold."""
        return _summed(line for page in self.pages(host) for line in page.lines)

    def counted(self) -> Sums:
        """What the servers counted themselves."""
        return _summed(line for page in self.pages() for line in page.totals)

    def gaps(self, cause: str) -> list[tuple[datetime, datetime]]:
        """When counts may be missing for this cause."""
        found = [gap for page in self.pages() for gap in page.gaps if gap.cause == cause]
        return sorted((gap.start, gap.end) for gap in found)

    def through_gateway(self, *spans: tuple[int, int]) -> Sums:
        """What the gateway counted in these spans of the simulation, its probes left out."""
        sums: Sums = {}
        for since, until in spans:
            gateway = Gateway(self._served)
            gateway.go_to(since)
            gateway.counts = {}
            gateway.go_to(until)
            for (consumer, _, model), one in gateway.counts.items():
                who = CONSUMERS[consumer]
                if who.way != "health":
                    counts = (one.prompt, one.cached, one.generated)
                    _add(sums, (MODELS[model].server, who.sia), counts)
        return sums

    def by_servers(self, until: int) -> Sums:
        """What the servers counted from the reader's first look on."""
        sums: Sums = {}
        for model, server in zip(MODELS, self.pair.servers, strict=True):
            old, new = server.totals(BEFORE), server.totals(until)
            cached = new.cached - old.cached
            prompt = new.computed - old.computed + cached
            counts = (prompt, cached, new.generated - old.generated)
            sums[model.server, UNATTRIBUTED] = counts
        return sums

    def traces(self) -> Iterator[tuple[str, bytes]]:
        """Everything that the run left or showed, by what it is."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                yield str(path.relative_to(self.folder)), path.read_bytes()
        for what, text in self.reports.items():
            yield what, text.encode()


@contextmanager
def told(folder: Path) -> Iterator[Story]:
    """The whole story; its processes have ended."""
    story = Story(folder)
    _register(story)
    service = Service(story.folder)
    with (
        ended(service),
        web.serving(story.pair) as site,
        serving() as records,
        serving() as damaged,
    ):
        values = {**settings(site, story.folder), "service": service.url}
        _through_failures(story, site, values)
        _others(story, values, records, damaged)
        _import(story, values)
        _energy(story, service)
        _look(story, service)
        assert service.terminate() == 0
    yield story


def _register(story: Story) -> None:
    shares = "shares: [{project: assistance, permille: 1000, from: 2026-01-01}]"
    lines = ["directorates: [{code: dsi, name: Direction}]"]
    lines += ["projects: [{code: assistance, name: Assistance, directorate: dsi}]", "sia:"]
    lines += [f"- {{code: {code}, name: SIA {code}, {shares}}}" for code in SIA]
    lines += ["servers:"]
    lines += [f"- {{code: {model.server}, name: {model.code}}}" for model in MODELS]
    path = story.inputs / "registry.yaml"
    path.write_text("\n".join([*lines, ""]))
    _run(story, "footprint", "import", "registry", str(path), "--database", str(story.database))


def _through_failures(story: Story, site: Site, values: Mapping[str, Any]) -> None:
    """The reader looks on while the gateway is well, away, and started anew."""

    def go_to(step: int) -> None:
        with site.turn:
            story.pair.go_to(step)

    go_to(BEFORE)
    (story.inputs / "litellm.txt").write_bytes(get(site.endpoint("litellm")))
    site.served = 0
    reader = Reader(story.folder, READER, values)
    with ended(reader):
        wait_until(lambda: site.served >= 6, "two looks at three endpoints")
        go_to(UP)
        well = story.through_gateway((BEFORE, UP))
        wait_until(lambda: story.named() == well, "usage at the service")
        story.pair.up.discard("litellm")
        wait_until(lambda: bool(story.gaps("unreachable")), "the gateway is missed")
        go_to(AWAY)
        wait_until(lambda: story.counted() == story.by_servers(AWAY), "the servers' own counts")
        assert story.named() == well
        story.pair.up.add("litellm")
        back = story.through_gateway((BEFORE, AWAY))
        wait_until(lambda: story.named() == back, "what was counted while it was away")
        with site.turn:
            story.pair.go_to(LOST)
            story.pair.gateway.restart(LOST, time.time())
            story.pair.go_to(AFTER)
        after = story.through_gateway((BEFORE, AWAY), (LOST, AFTER))
        wait_until(lambda: story.named() == after, "usage since the restart")
        wait_until(lambda: story.counted() == story.by_servers(AFTER), "the servers' own counts")
        story.reports["reader /metrics"] = get(reader.url + "/metrics").decode()
        assert reader.terminate() == 0


def _others(story: Story, values: Mapping[str, Any], records: Web, damaged: Web) -> None:
    """A gateway that keeps records of each request, and one whose metrics are damaged."""
    name, mail = person(0, 1)

    def record(path: str, query: dict[str, str]) -> tuple[int, bytes]:
        body = {
            "data": [
                {
                    "id": 1,
                    "datetime": int(query["date_from"]),
                    "user_id": 3,
                    "user": name,
                    "email": mail,
                    "account": {"name": name, "email": mail},
                    "token_id": 7,
                    "key": f"key of {mail}",
                    "endpoint": "/v1/chat/completions",
                    "model": MODELS[1].name,
                    "usage": {"prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37},
                }
            ]
        }
        (story.inputs / "opengatellm.json").write_text(json.dumps(body))
        return 200, json.dumps(body).encode()

    records.respond = record
    labels = f'requested_model="large",user="{name}",user_email="{mail}"'
    damaged.text = f"litellm_input_tokens_metric_total{{{labels}}} {mail}\n"
    (story.inputs / "damaged.txt").write_text(damaged.text)
    gateway = {**values["gateways"][0], "rules": [{"labels": {"token": "7"}, "sia": "sort"}]}
    models = {"*": {"server": OTHER, "model": "other"}}
    keeping = {**gateway, "kind": "opengatellm", "url": records.url, "models": models}
    broken = {**values["gateways"][0], "url": damaged.url}
    found = [
        Reader(story.folder, RECORDS, {**values, "gateways": [keeping], "servers": []}),
        Reader(story.folder, DAMAGED, {**values, "gateways": [broken], "servers": []}),
    ]
    with ended(*found):
        wait_until(lambda: (OTHER, "sort") in story.named(RECORDS), "records at the service")
        wait_until(lambda: bool(story.pages(DAMAGED)), "pages of gaps at the service")
        for reader in found:
            story.reports[f"{reader.config.name} /metrics"] = get(reader.url + "/metrics").decode()
            assert reader.terminate() == 0


def _import(story: Story, values: Mapping[str, Any]) -> None:
    """LiteLLM's daily export of a day long past, twice: its teams are called after persons."""
    name, mail = person(1, 2)
    day = paris_date(story.began - timedelta(days=EXPORT_DAYS))
    rows = [
        "Date,Team,Team ID,Model,Spend ($),Requests,Successful,Failed,Total Tokens",
        f"{day},Team of {name},id-team-chat,large,1.0,10,10,0,1200",
        f"{day},Team of {name},id-team-chat,{MODELS[0].name},1.0,10,10,0,1200",
        f"{day},{mail},{mail},large,0.5,4,3,2,400",
        f"{day},Unassigned,,large,0.1,2,2,0,900",
    ]
    path = story.inputs / "export.csv"
    path.write_text("\n".join([*rows, ""]))
    days = {**values, "name": "days-reader", "state_dir": str(story.folder / "days")}
    config = story.folder / "days.toml"
    config.write_text(toml(days))
    for _ in range(2):
        _run(story, "footprint-agent", "gateway", "import", str(path), "--config", str(config))


def _energy(story: Story, service: Service) -> None:
    """Pages of energy of the servers over every quarter-hour that the story touched."""
    now = datetime.now(UTC).replace(microsecond=0)
    pages = []
    start = floor_to(story.began, QUARTER_HOUR_SECONDS)
    while start < now:
        end = min(start + timedelta(seconds=QUARTER_HOUR_SECONDS), now)
        seconds = int((end - start).total_seconds())
        pages.append(make_page(start=start, seconds=seconds, consumers=ENERGY_UJ, component="gpu"))
        start = end
    headers = {"Content-Type": "application/json"}
    body = batch(chain(pages))
    answer = httpx.post(f"{service.url}/v1/pages", content=body, headers=headers, timeout=60)
    assert answer.json()["accepted"] == len(pages)


def _look(story: Story, service: Service) -> None:
    """All that the service shows."""
    month = paris_date(datetime.now(UTC)).strftime("%Y-%m")
    for format_ in ("json", "csv", "html"):
        path = f"/v1/statements/{month}?format={format_}"
        story.reports[f"statement.{format_}"] = service.get(path).decode()
    story.reports["service /metrics"] = service.get("/metrics").decode()
    story.reports["portal"] = service.get("/").decode()


def _run(story: Story, program: str, *arguments: str) -> None:
    """A command as a user types it; what it prints is a trace."""
    command = [str(BIN / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    what = f"{len(story.reports)} {program} {arguments[0]}"
    story.reports[what] = done.stdout + done.stderr


def _summed(lines: Iterable[Line]) -> Sums:
    sums: Sums = {}
    for line in lines:
        counts = (line.prompt_tokens or 0, line.cached_tokens, line.generated_tokens or 0)
        if any(counts):
            _add(sums, (line.server, line.consumer), counts)
    return sums


def _add(sums: Sums, key: tuple[str, str], counts: Tokens) -> None:
    before = sums.get(key, (0, 0, 0))
    sums[key] = tuple(map(sum, zip(before, counts, strict=True)))


def toml(values: Mapping[str, Any]) -> str:
    """These settings as a file: every table inline."""
    return "".join(f"{name} = {_inline(value)}\n" for name, value in values.items())


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(name)} = {_inline(inner)}" for name, inner in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value)
