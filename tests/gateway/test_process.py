"""The reader as a process of its own: killed, pushed to a real service, and telling no name."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from footprint.usage import UsagePage
from tests.gateway.house import Web, litellm, newest, serving, tokens, verified, vllm
from tests.running import BIN, Process, Service, ended, get, page_bodies, samples, wait_until

CONFIG = """
name = "gateway-1"
state_dir = "{folder}/state"
listen = "127.0.0.1:0"
poll_seconds = 1
page_seconds = 1
{service}

[[gateways]]
kind = "litellm"
url = "{gateway}"
models = {{ "*" = {{ server = "albert", model = "mistral" }} }}

[[gateways.rules]]
labels = {{ team_alias = "Accueil*" }}
sia = "accueil"

[[servers]]
kind = "vllm"
url = "{server}"
server = "albert"
model = "mistral"
"""


class Running(Process):
    """`footprint-agent gateway`."""

    def __init__(self, folder: Path, gateway: str, server: str, service: str = "") -> None:
        self.spool = folder / "state" / "usage.db"
        config = folder / "gateway.toml"
        line = f'service = "{service}"' if service else ""
        config.write_text(
            CONFIG.format(folder=folder, gateway=gateway, server=server, service=line)
        )
        command = [str(BIN / "footprint-agent"), "gateway", "--config", str(config)]
        super().__init__(command, folder / "reader.log", r"/metrics on (http://[\d.]+:\d+)/metrics")
        self.url = self.match[1]

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics."""
        return samples(get(self.url + "/metrics").decode())

    def pages(self) -> list[UsagePage]:
        """The pages that hold."""
        return newest(verified(page_bodies(self.spool)))


@pytest.fixture
def gateway() -> Iterator[Web]:
    """A gateway on loopback that has counted nothing yet."""
    with serving() as web:
        web.text = litellm({"Accueil": (0, 0, 0)})
        yield web


@pytest.fixture
def server() -> Iterator[Web]:
    """A model server on loopback that has counted nothing yet."""
    with serving() as web:
        web.text = vllm(0, 0, 0)
        yield web


@pytest.mark.slow
def test_a_reader_killed_at_any_moment_loses_and_doubles_nothing(
    tmp_path: Path, gateway: Web, server: Web
) -> None:
    """kill -9, three times, while the gateway counts: in the end the pages hold what it counted."""
    asked = 0
    for _ in range(3):
        reader = Running(tmp_path, gateway.url, server.url)
        with ended(reader):
            for _ in range(2):
                looks = len(gateway.asked)
                wait_until(lambda before=looks: len(gateway.asked) > before, "another look")  # type: ignore[misc]
                asked += 7
                gateway.text = litellm({"Accueil": (asked, 100 * asked, 10 * asked)})
            reader.kill()
    reader = Running(tmp_path, gateway.url, server.url)
    with ended(reader):
        wait_until(
            lambda: tokens(reader.pages()).get("accueil") == (100 * asked, 0, 10 * asked),
            f"{asked} requests in pages",
        )
        assert reader.terminate() == 0
    assert "Traceback" not in reader.log.read_text()


NAMES = {
    "team": "equipe-de-Simone@justice.fr",
    "team_alias": "Accueil de Simone Veil",
    "api_key_alias": "cle-Simone-Veil",
    "hashed_api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05",
    "user": "simone.veil@sante.gouv.fr",
    "user_alias": "Simone",
    "user_email": "simone.veil@sante.gouv.fr",
    "end_user": "Veil",
    "route": "/v1/chat?user=simone.veil@sante.gouv.fr",
    "organisation": "Cabinet de Simone Veil",
    "requested_model": "modele-de-Simone",
    "model": "modele-de-Simone",
}
"""In every label that LiteLLM has, and in one that nobody thought of."""
WORDS = (b"Simone", b"simone", b"Veil", b"veil", b"88dc28d0", b"justice.fr", b"gouv.fr")


def full_of_names(number: int) -> str:
    """Metrics of one person."""
    labels = ",".join(f'{name}="{text}"' for name, text in NAMES.items())
    kinds = ("proxy_total_requests", "input_tokens", "output_tokens")
    return "".join(
        f"# TYPE litellm_{kind}_metric_total counter\n"
        f"litellm_{kind}_metric_total{{{labels}}} {number}\n"
        for kind in kinds
    )


def bytes_of(database: Path) -> bytes:
    """Every byte of a SQLite database, its log included, in use or free."""
    files = (database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm"))
    return b"".join(file.read_bytes() for file in files if file.exists())


@pytest.mark.slow
def test_no_name_leaves_the_gateway(tmp_path: Path, gateway: Web, server: Web) -> None:
    """With a person in every label, also of broken answers: neither the spool's bytes, nor the log,
    nor /metrics, nor what the service received hold a word of it; the tokens are there."""
    service = Service(tmp_path)
    gateway.text = full_of_names(1)
    reader = Running(tmp_path, gateway.url, server.url, service.url)
    with ended(reader, service):
        up = 'footprint_gateway_up{endpoint="%s/metrics/",kind="litellm",role="gateway"}'
        name = up % gateway.url.removeprefix("http://")
        wait_until(lambda: reader.metrics().get(name) == 1, "a look")
        gateway.text = full_of_names(2).replace(" 2\n", " Simone Veil\n")
        wait_until(lambda: reader.metrics().get(name) == 0, "a look at a broken answer")
        gateway.text = full_of_names(41)
        line = 'footprint_gateway_tokens_total{consumer="accueil",model="mistral",server="albert"'
        wait_until(lambda: reader.metrics().get(line + ',type="prompt"}') == 40, "40 tokens")
        wait_until(lambda: received(service.database) == 40, "40 tokens at the service")
        exposed = get(reader.url + "/metrics")
        assert reader.terminate() == 0
        assert service.terminate() == 0
    seen = {
        "spool": bytes_of(reader.spool),
        "log": reader.log.read_bytes(),
        "metrics": exposed,
        "service": bytes_of(service.database),
        "service's log": (tmp_path / "service.log").read_bytes(),
    }
    assert {
        (where, word) for where, text in seen.items() for word in WORDS if word in text
    } == set()
    assert b"@" in seen["service"]
    for kept in (tmp_path / "state").iterdir():
        assert kept.stat().st_mode & 0o077 == 0


def received(database: Path) -> int:
    """Prompt tokens of the SIA in the usage pages that the service holds."""
    query = "SELECT body FROM usage_page ORDER BY host_id, ledger_id, seq"
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        bodies = [row[0] for row in connection.execute(query)]
    finally:
        connection.close()
    return tokens(newest(verified(bodies))).get("accueil", (0, 0, 0))[0]


@pytest.mark.slow
def test_a_real_service_takes_late_pages_instead_of_the_first_ones(
    tmp_path: Path, gateway: Web, server: Web
) -> None:
    """After an outage of the gateway; none is quarantined, and the service lost and restored from
    nothing is sent all of them again."""
    service = Service(tmp_path)
    reader = Running(tmp_path, gateway.url, server.url, service.url)
    with ended(reader, service):
        sealed = len(verified(page_bodies(reader.spool)))
        wait_until(lambda: len(page_bodies(reader.spool)) > sealed + 1, "pages")
        gateway.down = True
        sealed = len(page_bodies(reader.spool))
        wait_until(lambda: len(page_bodies(reader.spool)) > sealed + 2, "pages with a gap")
        gateway.down, gateway.text = False, litellm({"Accueil": (3, 300, 30)})
        wait_until(lambda: received(service.database) == 300, "late tokens")
        assert service.terminate() == 0
        for file in tmp_path.glob("footprint.db*"):
            file.unlink()
        service = Service(tmp_path, listen=service.address)
        with ended(service):
            wait_until(lambda: received(service.database) == 300, "all of it again")
            assert re.search(r"quarantined", service.output()) is None
        assert reader.terminate() == 0
    intervals = [(page.start, page.end) for page in verified(page_bodies(reader.spool))]
    assert len(set(intervals)) < len(intervals)
