"""Drives every operation of the committed OpenAPI against a running service, with schemathesis.

In: a house. Out: what was asked and answered, by operation, and what broke the contract. Generated
requests alone would prove little: no page made from its schema has the hash of its bytes, follows
its ledger's last, or conserves energy, so that none is ever accepted. What fits its schema is
therefore mended just before it is sent (`mended`), and names things that are there; what was made
not to fit is sent as it is.
"""

import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import schemathesis
from schemathesis import Case, GenerationMode, Response
from schemathesis.engine import events, from_schema

from footprint.interval import to_us
from footprint.ledger import Head
from footprint.service import access, accounts
from footprint.service.openapi import COMMITTED
from footprint.service.roles import GIVEN, Rights, Role
from tests import pages, usage_pages
from tests.pages import Sealed, batch
from tests.service import mended
from tests.service.house import JSON, House
from tests.service.registrable import KNOWN, budget, registrable

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
FIRST_QUARTER = datetime(2026, 6, 1, tzinfo=UTC)
MONTH, CLOSED = "2026-06", "2026-05"
BATCHES = {"/v1/pages": mended.page, "/v1/usage": mended.usage_page}
LEDGERS = {"/v1/pages": "/v1/ledgers", "/v1/usage": "/v1/usage/ledgers"}
HOSTS = tuple(f"host-{number}" for number in range(1, 5))
LEDGER = "00000000-0000-4000-8000-00000000c001"
READ = "00000000-0000-4000-8000-00000000c002"
OPERATOR = "an operator's token of this test"


class Run:
    """One run over all operations; the house's own content grows with it."""

    def __init__(
        self,
        house: House,
        examples: int,
        batches: int,
        *,
        boundaries: bool = True,
        mend: bool = True,
        role: str | None = None,
    ) -> None:
        """`examples` at random an operation, `batches` where it takes pages; `boundaries`: besides,
        those that its schema has. `role`: who asks, "nobody" without a token, in a house that has
        the operator's as `OPERATOR`; None: a house that asks nobody."""
        self.house = house
        self.examples = examples
        self.batches = batches
        self.boundaries = boundaries
        self.mend = mend
        self.role = role
        if role is not None:
            house.client.headers["Authorization"] = f"Bearer {OPERATOR}"
        self.asked: Counter[str] = Counter()
        self.succeeded: Counter[str] = Counter()
        self.fitting: Counter[str] = Counter()
        self.fitting_succeeded: Counter[str] = Counter()
        self.pages: Counter[str] = Counter()
        self.broken: list[str] = []
        self._quarters: dict[str, datetime] = {}
        self._tokens: list[str] = []
        self._budgets = 0
        self._fitting: set[str] = set()
        self._held: dict[str, Head] = {}

    def run(self) -> None:
        """Ask everything."""
        self._register()
        schema = schemathesis.openapi.from_path(COMMITTED, config=self._config())
        schema.config.update(base_url=self.house.address)
        with _hooked("before_call", self._before), _hooked("after_call", self._after):
            for event in from_schema(schema).execute():
                self._note(event)

    def _config(self) -> schemathesis.Config:
        checks = {name: {"enabled": True} for name in CHECKS}
        return schemathesis.Config.from_dict(
            {
                "seed": 20261110,
                "generation": {
                    "max-examples": self.examples,
                    "deterministic": True,
                    "database": "none",
                    "no-shrink": True,
                },
                "operations": [
                    {
                        "include-path": list(BATCHES),
                        "generation": {"max-examples": self.batches},
                    }
                ],
                "continue-on-failure": True,
                "suppress-health-check": ["all"],
                "checks": {"enabled": False, **checks},
                "phases": {
                    "stateful": {"enabled": False},
                    "coverage": {"enabled": self.boundaries, "unexpected-methods": []},
                },
            }
        )

    def _register(self) -> None:
        for path, content in (
            ("directorates/dsi", {"name": "Direction du numérique"}),
            ("projects/assistance", {"name": "Assistance", "directorate": "dsi"}),
            ("sia/chat", {"name": "Chat", "shares": [{"project": "assistance", "permille": 1000}]}),
            (f"servers/{mended.SERVER}", {"name": "Albert"}),
            ("sites/salle-1", {"name": "Salle 1"}),
            (
                "hardware/host-1",
                {
                    "name": "Server",
                    "from": "2026-01-01",
                    "parts": [{"part": "server/ordinary", "count": 1}],
                },
            ),
            (
                "budgets/annee",
                {
                    "name": "Année",
                    "project": "assistance",
                    "indicator": "energy",
                    "period": "2026",
                    "amount": "1000",
                },
            ),
            (
                "externals/openai",
                {"name": "OpenAI", "provider": "openai", "models": {"gpt-4o": "gpt-4o"}},
            ),
        ):
            assert self.house.put(f"/v1/{path}", content).status_code == 200
        for host in HOSTS:
            self._tokens.append(self._enrol(host))
        self._account, self._shown = self._program()
        self._close_a_month()
        if self.role is not None:
            self._send_a_page_of_each()

    def _close_a_month(self) -> None:
        start = datetime(2026, 5, 1, tzinfo=UTC)
        page = pages.make_ledger(1, start=start, host_id="host-before", ledger_id=READ)
        assert self.house.post(page).is_success
        for path in ("closings", "publications"):
            assert self.house.client.put(f"/v1/{path}/{CLOSED}").is_success

    def _send_a_page_of_each(self) -> None:
        """So that whoever only reads finds one."""
        for path, made in (("/v1/pages", pages), ("/v1/usage", usage_pages)):
            page = made.make_ledger(1, start=FIRST_QUARTER, host_id=HOSTS[0], ledger_id=READ)
            answer = self.house.client.post(path, content=batch(page), headers=JSON)
            self._held[path] = msgspec.convert(answer.json()["heads"][0], Head)

    def _program(self) -> tuple[str, str | None]:
        """An account, and what the run shows to be let in."""
        given = Role(self.role) if self.role in GIVEN else Role.READER
        projects = [KNOWN["projects"]] if given is Role.OWNER else []
        with self.house.app.state.footprint.store.write() as connection:
            rights = accounts.rights_of(connection, [given], projects)
            _, secret = accounts.make_program(connection, "contract", rights, 0)
            other, _ = accounts.make_program(connection, "other", Rights(), 0)
        shown = {None: None, "nobody": None, "meter": self._tokens[0]}
        return other.account_id, shown.get(self.role, secret.text)

    def _enrol(self, host: str) -> str:
        asked = {"code": self._code(host), "host_id": host, "fingerprint": "0" * 64}
        token: str = self.house.client.post("/v1/enrolments", json=asked).json()["token"]
        return token

    def _code(self, host: str) -> str:
        """A one-time code, as the operator makes it."""
        now_us = to_us(self.house.now)
        with self.house.app.state.footprint.store.write() as connection:
            return access.make_code(connection, host, now_us, access.US_PER_DAY).text

    def _before(self, _context: Any, case: Case, _kwargs: dict[str, Any]) -> None:
        case.headers.pop("Authorization", None)  # one that was made up
        if self._shown is not None:
            case.headers["Authorization"] = f"Bearer {self._shown}"
        self._mend(case)

    def _mend(self, case: Case) -> None:
        if not _fits(case):
            return
        self._fitting.add(case.id)
        if not self.mend:
            return
        path = case.operation.path
        if path == "/v1/accounts/{account_id}":
            case.path_parameters["account_id"] = self._account
            case.body = {"label": "other", "roles": ["reader"]} if case.body else case.body
            return
        if path in BATCHES:
            case.body = self._batch(case.body, path)
        elif _is_registered(case.operation.label):
            self._makeregistrable(case, path)
        elif path == "/v1/enrolments" and _coin(case):
            case.body = {**case.body, "code": self._code(case.body["host_id"])}
        elif path.startswith("/v1/tokens/"):
            self._show_a_token(case)
        elif _coin(case) or not self.succeeded[case.operation.label]:
            self._name_what_is_there(case)

    def _makeregistrable(self, case: Case, path: str) -> None:
        case.headers.pop("If-Match", None)  # nobody could guess it
        if "{code}" in path and "budgets" in path:
            self._name_a_budget(case)
        code = case.path_parameters.get("code", "")
        case.body = registrable(case.body, path, code)
        if "indicator" in case.body:
            self._budgets += 1
            case.body |= budget(case.body, self._budgets)
        if not code:
            del case.body["code"]

    def _name_a_budget(self, case: Case) -> None:
        """A new one; an owner revises what there is."""
        case.path_parameters["code"] = f"budget-{_number(case.body)}"
        if self.role == "owner":
            code = case.path_parameters["code"] = KNOWN["budgets"]
            case.headers["If-Match"] = self.house.get(f"/v1/budgets/{code}").headers["etag"]

    def _show_a_token(self, case: Case) -> None:
        if self.role in (None, "meter"):
            case.headers["Authorization"] = f"Bearer {self._tokens[-1]}"

    def _name_what_is_there(self, case: Case) -> None:
        parameters, query = case.path_parameters, case.query
        if "code" in parameters:
            parameters["code"] = KNOWN[case.operation.path.split("/")[2]]
        held = self._held.get("/v1/usage" if "usage" in case.operation.path else "/v1/pages")
        if "host_id" in parameters and held:
            parameters["host_id"] = held.host_id
        if "ledger_id" in parameters:
            parameters["ledger_id"] = held.ledger_id if held else LEDGER
        if "seq" in parameters and held:
            parameters["seq"] = int(parameters["seq"]) % (held.seq + 1)
        if "month" in parameters:
            of_closed = {"closings", "publications"} & {*case.operation.path.split("/")}
            parameters["month"] = CLOSED if of_closed else MONTH
        scoped = case.operation.path in ("/v1/statements/{month}", "/v1/trend")
        if "project" in query or (self.role == "owner" and scoped):
            query["project"] = KNOWN["projects"]
        if "sia" in query:
            query.pop("project", None)
            query["sia"] = KNOWN["sia"]
        if "month" in query or case.operation.path.endswith("/efficiency"):
            query["month"] = MONTH

    def _batch(self, body: Any, path: str) -> bytes:
        """The generated pages, each following the one before in its host's ledger."""
        heads: dict[str, Head] = {}
        sealed: list[Sealed[Any]] = []
        for index, envelope in enumerate(body["pages"]):
            hosts = HOSTS[:1] if self.role == "meter" else HOSTS
            host = hosts[(_number(envelope) + index) % len(hosts)]
            head = heads.get(host) or self._head(path, host)
            quarter = self._quarters.get(f"{path} {host}", FIRST_QUARTER)
            page = BATCHES[path](envelope["page"], head, quarter)
            self._quarters[f"{path} {host}"] = quarter + mended.QUARTER
            heads[host] = Head(host, LEDGER, page.page.seq, page.hash)
            sealed.append(page)
        return batch(sealed)

    def _head(self, path: str, host: str) -> Head:
        answer = self.house.get(f"{LEDGERS[path]}/{host}/{LEDGER}")
        return msgspec.json.decode(answer.content, type=Head)

    def _after(self, _context: Any, case: Case, response: Response) -> None:
        name = case.operation.label
        ok = 200 <= response.status_code < 300
        self.asked[name] += 1
        self.succeeded[name] += ok
        if case.id in self._fitting:
            self.fitting[name] += 1
            self.fitting_succeeded[name] += ok
        if not ok:
            return
        answer = response.json() if "json" in response.headers["content-type"][0] else {}
        if case.operation.path in BATCHES:
            for what in ("accepted", "quarantined", "duplicates"):
                self.pages[f"{case.operation.path} {what}"] += answer[what]
            if answer["accepted"]:
                self._held[case.operation.path] = msgspec.convert(answer["heads"][0], Head)
        elif response.status_code == 201 and self.role is None:
            self._tokens.append(answer["token"])

    def _note(self, event: object) -> None:
        if isinstance(event, events.ScenarioFinished):
            for case_id, checks in event.recorder.checks.items():
                for check in checks:
                    if check.failure_info is not None:
                        failure = check.failure_info.failure
                        said = f"{event.label}: {failure.title}: {failure.message}"
                        self.broken.append(f"{said}\n  {self._told(event, case_id)}")
        elif isinstance(event, events.NonFatalError | events.FatalError):
            self.broken.append(repr(event))

    def _told(self, event: events.ScenarioFinished, case_id: str) -> str:
        case = event.recorder.cases[case_id].value
        return case.as_curl_command()[:2000]

    def table(self) -> str:
        """The share of 2xx by operation: of all requests, and of those that fit the schema."""
        lines = [f"{'operation':62}  asked   2xx      fitting   2xx"]
        for name in sorted(self.asked):
            fitting, done = self.fitting[name], self.fitting_succeeded[name]
            lines.append(
                f"{name:62} {self.asked[name]:6} {self.succeeded[name] / self.asked[name]:5.0%}"
                f"      {fitting:6}  {done / fitting if fitting else 0:5.0%}"
            )
        pages = ", ".join(f"{what} {number}" for what, number in sorted(self.pages.items()))
        return "\n".join([*lines, f"pages: {pages or 'none'}"])


def _is_registered(label: str) -> bool:
    return (label.startswith("PUT") and "{code}" in label) or label == "POST /v1/budgets"


@contextmanager
def _hooked(name: str, hook: Any) -> Iterator[None]:
    def called(context: Any, case: Case, told: Any) -> None:
        hook(context, case, told)

    schemathesis.hook(name)(called)
    try:
        yield
    finally:
        schemathesis.hooks.unregister(called)


def _fits(case: Case) -> bool:
    """Whether a request was made to fit its schema."""
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE


def _number(value: Any) -> int:
    """One of a value's own, always the same."""
    return zlib.crc32(repr(value).encode(errors="replace"))


def _coin(case: Case) -> bool:
    """Three of four cases."""
    told = (case.path_parameters, case.query, case.body)
    return bool(_number(told) % 4)
