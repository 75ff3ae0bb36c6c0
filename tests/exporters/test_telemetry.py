"""/metrics: a pure read of the last tick, from zero on, whoever asks and however."""

import http.client
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from exporters.bmc import Health, MeterState
from exporters.keeper import Keeping
from exporters.ledger_file import Counts
from exporters.sensors.sensor import Device
from exporters.settings import Factor
from exporters.telemetry import Exposition, Snapshot, serve
from exporters.workloads.gpus import BoardState
from footprint import metrics
from tests.powercap import make_zone, scripted
from tests.running import Agent, ended, get, samples, wait_until

PACKAGE = Device("rapl", "package-0", "cpu", "package-0", "counter")
PSYS = Device("rapl", "psys", None, "psys", "counter", evidence=True)
KEY, PSYS_KEY = ("rapl", "package-0"), ("rapl", "psys")
FACTOR = Factor(Decimal(36), "FR", "test", "2026-01-01")
SNAPSHOT = Snapshot(
    host_id="host-1",
    ledger_id="ledger-1",
    at_seconds=1_795_255_200.5,
    tick_seconds=0.002,
    ticks_late=1,
    clock_offset_seconds=-0.25,
    devices=[PACKAGE, PSYS],
    up={KEY: True, PSYS_KEY: False},
    read_seconds={"rapl": 0.001},
    energy_uj={
        KEY: {"chat undivided": 3_000_000, "@system undivided": 1, "late undivided": 0},
        PSYS_KEY: {"@system undivided": 9_000_000},
    },
    gap_us={(KEY, "outage"): 1_500_000},
    failures={PSYS_KEY: 4},
    keeping=Keeping("ledger-1", Counts(3, 5, 4096), {"accepted": 2}, {"damaged": 0, "diverged": 1}),
    factor=None,
    nodes=[
        MeterState(
            meter="bmc",
            health=Health(up=False, failures=3, read_seconds=0.25),
            good_us=1_795_255_190_500_000,
            failed_us=1_795_255_199_000_000,
            energy_uj={"counter": 0, "integrated": 5_000_001},
        ),
        MeterState("spare", Health(), None, None, {"integrated": 0}),
    ],
)


@pytest.fixture
def exposition() -> Exposition:
    """What is shown."""
    return Exposition()


@pytest.fixture
def address(exposition: Exposition) -> Iterator[tuple[str, int]]:
    """Where it is served."""
    server = serve(exposition, ("127.0.0.1", 0))
    yield "127.0.0.1", server.server_address[1]
    server.shutdown()
    server.server_close()


def scrape(address: tuple[str, int]) -> str:
    """The text of /metrics."""
    return get(f"http://{address[0]}:{address[1]}/metrics").decode()


def test_before_the_first_tick_there_is_nothing(address: tuple[str, int]) -> None:
    """No figure is better than an invented one."""
    assert scrape(address) == ""


def test_a_scrape_is_a_pure_read(exposition: Exposition, address: tuple[str, int]) -> None:
    """Between two ticks every scrape is the same text; a tick changes it."""
    exposition.show(lambda: SNAPSHOT)
    first = scrape(address)
    assert [scrape(address) for _ in range(3)] == [first] * 3
    exposition.show(lambda: msgspec.structs.replace(SNAPSHOT, at_seconds=1_795_255_201.5))
    assert scrape(address) != first


def test_a_tick_that_nobody_looks_at_is_not_copied(
    exposition: Exposition, address: tuple[str, int]
) -> None:
    """Two scrapes ask once; while a tick changes what is shown, a scrape waits, and where that
    lasts, sees what it saw before."""
    copied: list[int] = []

    def copy() -> Snapshot:
        copied.append(1)
        return SNAPSHOT

    exposition.show(copy)
    exposition.show(copy)
    first = scrape(address)
    assert scrape(address) == first != ""
    assert copied == [1]
    with exposition.ticking:
        exposition.show(
            lambda: msgspec.structs.replace(SNAPSHOT, ticks_late=SNAPSHOT.ticks_late + 1)
        )
        assert scrape(address) == first
    assert scrape(address) != first


def test_energy_is_by_consumer_and_evidence_apart(
    exposition: Exposition, address: tuple[str, int]
) -> None:
    """Joules of consumers, the device's sum, a known SIA at zero; psys in none of these."""
    exposition.show(lambda: SNAPSHOT)
    found = samples(scrape(address))
    of = (
        'footprint_energy_joules_total{{component="cpu",consumer="{}",device="package-0",'
        'part="undivided",quality="counter"}}'
    )
    assert found[of.format("chat")] == 3.0
    assert found[of.format("@system")] == 0.000001
    assert found[of.format("late")] == 0.0
    metered = [value for name, value in found.items() if "device_energy" in name]
    assert metered == [3.000001]
    evidence = 'footprint_evidence_energy_joules_total{covers="psys",device="psys",sensor="rapl"}'
    assert found[evidence] == 9.0
    energies = [name for name in found if name.startswith(("footprint_energy", "footprint_device"))]
    assert not [name for name in energies if "psys" in name]


def test_state_of_sensors_and_agent(exposition: Exposition, address: tuple[str, int]) -> None:
    """A device that fails is 0, its failures and gaps are counted; the spool is shown."""
    exposition.show(lambda: SNAPSHOT)
    found = samples(scrape(address))
    assert found['footprint_sensor_up{device="package-0",sensor="rapl"}'] == 1
    assert found['footprint_sensor_up{device="psys",sensor="rapl"}'] == 0
    assert found['footprint_sensor_read_failures_total{device="psys",sensor="rapl"}'] == 4
    assert found['footprint_sensor_read_failures_total{device="package-0",sensor="rapl"}'] == 0
    gap = 'footprint_gap_seconds_total{cause="outage",component="cpu",device="package-0"}'
    assert found[gap] == 1.5
    assert found['footprint_agent_spool_pages{state="waiting"}'] == 3
    assert found["footprint_agent_clock_offset_seconds"] == -0.25


def test_a_board_tells_how_many_strangers_it_has_and_names_none(
    exposition: Exposition, address: tuple[str, int]
) -> None:
    """Where it was looked at, none included; and for how long what divided it."""
    boards = [
        BoardState("GPU-1", 2, {"sm": 1_500_000_000, "unknown": 500_000_000}),
        BoardState("GPU-2", 0, {"idle": 2_000_000_000}),
        BoardState("GPU-3", None, {"reserved": 2_000_000_000}),
    ]
    exposition.show(lambda: msgspec.structs.replace(SNAPSHOT, gpus=boards))
    found = {name: value for name, value in samples(scrape(address)).items() if "_gpu_" in name}
    seconds = "footprint_gpu_attribution_seconds_total"
    assert found == {
        'footprint_gpu_unregistered_processes{device="GPU-1"}': 2.0,
        'footprint_gpu_unregistered_processes{device="GPU-2"}': 0.0,
        f'{seconds}{{basis="sm",device="GPU-1"}}': 1.5,
        f'{seconds}{{basis="unknown",device="GPU-1"}}': 0.5,
        f'{seconds}{{basis="idle",device="GPU-2"}}': 2.0,
        f'{seconds}{{basis="reserved",device="GPU-3"}}': 2.0,
    }


def test_node_meters_have_series_of_their_own(
    exposition: Exposition, address: tuple[str, int]
) -> None:
    """Energy from zero on, state and instants by meter; what a meter never did has no series."""
    exposition.show(lambda: SNAPSHOT)
    found = {name: value for name, value in samples(scrape(address)).items() if "_node_" in name}
    assert found == {
        'footprint_node_energy_joules_total{meter="bmc",quality="counter"}': 0.0,
        'footprint_node_energy_joules_total{meter="bmc",quality="integrated"}': 5.000001,
        'footprint_node_energy_joules_total{meter="spare",quality="integrated"}': 0.0,
        'footprint_node_meter_up{meter="bmc"}': 0.0,
        'footprint_node_meter_up{meter="spare"}': 0.0,
        'footprint_node_meter_read_seconds{meter="bmc"}': 0.25,
        'footprint_node_meter_read_failures_total{meter="bmc"}': 3.0,
        'footprint_node_meter_read_failures_total{meter="spare"}': 0.0,
        'footprint_node_meter_last_read_timestamp_seconds{meter="bmc"}': 1_795_255_190.5,
        'footprint_node_meter_last_failure_timestamp_seconds{meter="bmc"}': 1_795_255_199.0,
    }


def test_grams_only_with_a_factor(exposition: Exposition, address: tuple[str, int]) -> None:
    """Where none is configured no emission is shown, not even a zero; evidence emits nothing."""
    exposition.show(lambda: SNAPSHOT)
    assert "emission" not in scrape(address)
    exposition.show(lambda: msgspec.structs.replace(SNAPSHOT, factor=FACTOR))
    found = samples(scrape(address))
    grams = 'footprint_emissions_grams_total{{consumer="{}",quality="counter"}}'
    assert found[grams.format("chat")] == 0.00003  # 3 J at 36 g/kWh
    assert found[grams.format("@system")] == 0.0
    assert 36.0 in found.values()


def test_every_family_is_of_the_catalogue(exposition: Exposition) -> None:
    """No name that dashboards do not know, and every name that they do."""
    exposition.show(lambda: msgspec.structs.replace(SNAPSHOT, factor=FACTOR))
    suffix = {"counter": "_total", "gauge": ""}
    shown = {family.name + suffix[family.type] for family in exposition.collect()}
    assert shown == {metric.name for metric in metrics.AGENT_METRICS}


def ask(address: tuple[str, int], method: str, path: str) -> tuple[int, bytes]:
    """Status and body of a request."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_other_paths_and_methods(exposition: Exposition, address: tuple[str, int]) -> None:
    """A landing page, 404 with the way, nothing that could be written; HEAD is GET without body."""
    exposition.show(lambda: SNAPSHOT)
    assert ask(address, "GET", "/metrics?x=1")[0] == 200
    assert b'href="/metrics"' in ask(address, "GET", "/")[1]
    for path in ("/metric", "/metrics/", "/../etc/passwd"):
        assert ask(address, "GET", path) == (404, b"not here; try /metrics\n")
    assert ask(address, "HEAD", "/metrics") == (200, b"")
    for method in ("POST", "PUT", "DELETE"):
        assert ask(address, method, "/metrics")[0] == 501


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\xff\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/9\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET /metrics HTTP/1.1\r\nAccept: \xff;q=x,application/openmetrics-text;version=9\r\n\r\n",
    ],
)
def test_garbage_harms_nobody(
    exposition: Exposition,
    address: tuple[str, int],
    sent: bytes,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whatever is sent, the next scrape is answered, and nothing is printed."""
    exposition.show(lambda: SNAPSHOT)
    before = scrape(address)
    with socket.create_connection(address, timeout=30) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    assert scrape(address) == before
    assert capfd.readouterr().err == ""


def test_slow_clients_hold_up_nobody(exposition: Exposition, address: tuple[str, int]) -> None:
    """Forty connections that never finish their request: a scrape passes by all of them."""
    exposition.show(lambda: SNAPSHOT)
    slow = [socket.create_connection(address, timeout=30) for _ in range(40)]
    try:
        for client in slow:
            client.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        assert "footprint_energy_joules_total" in scrape(address)
    finally:
        for client in slow:
            client.close()


def test_an_address_of_the_sixth_version_is_listened_on(exposition: Exposition) -> None:
    """`[::1]:0` too, where the machine has it."""
    if not socket.has_ipv6:
        pytest.skip("needs a machine where IPv6 is built in")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("needs a machine where ::1 is there")
    server = serve(exposition, ("::1", 0))
    exposition.show(lambda: SNAPSHOT)
    port = server.server_address[1]
    assert "footprint_energy_joules_total" in get(f"http://[::1]:{port}/metrics").decode()
    server.shutdown()
    server.server_close()


def test_a_fresh_agent_shows_every_known_consumer_at_zero(tmp_path: Path) -> None:
    """SIA of the configuration are there before their first joule, per device that is no evidence,
    so that a rate sees it; evidence begins at zero as well."""
    with scripted(tmp_path, power_uw=10**7, range_uj=10**9, limit_uw=10**8, start_uj=77) as (
        root,
        _,
    ):
        make_zone(root, "intel-rapl:1", "psys", value_uj=5, range_uj=10**9)
        config = tmp_path / "agent.toml"
        config.write_text('[[workloads]]\ncgroup = "none.slice/x"\nsia = "chat"\n')
        agent = Agent(tmp_path, "--config", str(config), "--powercap-root", str(root))
        with ended(agent):
            wait_until(lambda: len(agent.metrics()) > 5, "the first tick")
            found = agent.metrics()
            assert agent.terminate() == 0
    energy = {name: value for name, value in found.items() if "_energy_joules_total" in name}
    assert set(energy.values()) == {0.0}
    consumers = {
        name.split('consumer="')[1].split('"')[0] for name in energy if "consumer=" in name
    }
    assert consumers == {"chat", "@system", "@agent", "@unattributed"}
    assert any(name.startswith("footprint_evidence") for name in energy)
