"""The service's statement of a simulated run says what the table says, to the microjoule.

In: the pages of the real agent and of the real usage reader, both run on the simulated servers.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporters.twin.plan import START
from exporters.twin.serving.plan import MODELS, ServedPlan
from footprint.ledger import Batch, Envelope, hash_bytes
from tests.running import page_bodies
from tests.service.house import House
from tests.twin.serving_run import rehearsed

pytestmark = pytest.mark.slow

PLAN = ServedPlan(seconds=3600, page_seconds=300, step_seconds=5)


def test_the_statement_has_the_same_shares(tmp_path: Path) -> None:
    """Active energy, range and what stays, of every consumer and server; idle energy apart; and
    what came in is what comes out."""
    judged = rehearsed(tmp_path, PLAN)["judged"]
    with House(tmp_path / "footprint.db", datetime(2026, 1, 1, tzinfo=UTC)) as house:
        for model in MODELS:
            answer = house.put(f"/v1/servers/{model.server}", {"name": model.code, "idle": "none"})
            assert answer.status_code < 300, answer.text
        house.now = START + timedelta(days=1)
        for body in _batches(page_bodies(tmp_path / "state" / "spool.db")):
            assert house.post_bytes(body).json()["quarantined"] == 0
        for body in _batches(page_bodies(tmp_path / "reader" / "usage.db")):
            assert house.tell_bytes(body).json()["quarantined"] == 0
        statement = house.get("/v1/statements/2026-11").json()
    servers: dict[str, Any] = {server["code"]: server for server in statement["servers"]}
    for one in judged:
        server = servers[one["server"]]
        assert server["active_uj"] == one["active_uj"]
        assert server["idle_uj"] == server["unallocated_idle_uj"] == one["idle_uj"]
        assert server["unallocated_uj"] == one["unallocated_uj"]
        shares = {row["consumer"]: _share(row, "default_uj") for row in one["rows"]}
        found = {row["consumer"]: _share(row, "active_uj") for row in server["consumers"]}
        assert found == {consumer: share for consumer, share in shares.items() if any(share)}
    whole_uj = sum(total["figure"]["energy_uj"] for total in statement["consumers"])
    assert whole_uj == statement["total"]["energy_uj"] > 0


def _share(row: dict[str, int], active: str) -> tuple[int, int, int]:
    return row[active], row["least_uj"], row["most_uj"]


def _batches(bodies: list[bytes]) -> Iterator[bytes]:
    for first in range(0, len(bodies), 20):
        some = bodies[first : first + 20]
        envelopes = [Envelope(hash_bytes(body), msgspec.Raw(body)) for body in some]
        yield msgspec.json.encode(Batch(envelopes))
