"""Redfish against a real small server: sums without counting twice, and every failure a gap."""

import base64
import contextlib
import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from exporters.clock import Boot
from exporters.sensors import redfish
from exporters.sensors.redfish import Bmc, Redfish, RedfishError
from exporters.sensors.sensor import Failure
from footprint.reading import Counter, PowerSample

SECRET = "correct horse"
C = redfish.ROOT


class Service:
    """Documents by path; `status`, `raw` and `pause` make it fail."""

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self.status, self.raw, self.pause = 200, None, 0.0
        self.url, self.missing = "", b""
        self.open: list[socket.socket] = []
        self.listening: http.server.HTTPServer

    def hang_up(self) -> None:
        """Close every connection from this side."""
        for one in self.open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.open.clear()

    def chassis(self, name: str, inside: str | None = None, **parts: Any) -> None:
        """Add a chassis with its documents, `EnvironmentMetrics` and `Power`."""
        path = f"{C}/{name}"
        members = self.documents.setdefault(C, {"Members": []})["Members"]
        members.append({"@odata.id": path})
        links = {"ContainedBy": {"@odata.id": f"{C}/{inside}"}} if inside else {}
        self.documents[path] = {"Links": links} | {
            key: {"@odata.id": f"{path}/{key}"} for key in parts
        }
        for key, document in parts.items():
            self.documents[f"{path}/{key}"] = document


@pytest.fixture
def service() -> Iterator[Service]:
    """A Redfish service on loopback that wants a password."""
    found = Service()
    login = base64.b64encode(f"meter:{SECRET}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.open.append(self.connection)
            time.sleep(found.pause)
            allowed = self.headers.get("Authorization") == f"Basic {login}"
            document = found.documents.get(self.path)
            status = found.status if allowed else 401
            body = found.raw or json.dumps(document).encode()
            if document is None and found.missing:
                body = found.missing
            self.send_response(404 if document is None and status == 200 else status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.listening = server
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def dripping(start: bytes) -> Iterator[str]:
    """The address of a server that answers `start` at once, then a byte every 50 ms, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                client.recv(65536)
                client.sendall(start)
                while not ended.wait(0.05):
                    client.sendall(b"1")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def power(watts: Any, *inputs: Any) -> dict[str, Any]:
    """A `Power` document: a control, and supplies by their input."""
    supplies = [{"PowerInputWatts": one, "Status": {"State": "Enabled"}} for one in inputs]
    return {"PowerControl": [{"PowerConsumedWatts": watts}], "PowerSupplies": supplies}


def reading(service: Service, password: str = SECRET) -> Counter | PowerSample | Failure:
    """One reading, nothing left open."""
    meter = Redfish(Bmc(service.url, "meter", password), Boot("boot", lambda: 7))
    try:
        return meter.read()
    finally:
        meter.close()


def failed(service: Service, password: str = SECRET) -> tuple[str, str]:
    """Cause and line of a reading that fails."""
    found = reading(service, password)
    assert isinstance(found, Failure)
    assert SECRET not in found.error
    assert "\n" not in found.error
    return found.gap.cause, found.error


def test_an_energy_counter_comes_first(service: Service) -> None:
    """Kilowatt-hours in exact microjoules, although power is there too."""
    metrics = {"EnergykWh": {"Reading": 1234.567}}
    service.chassis("1", EnvironmentMetrics=metrics, Power=power(500))
    found = reading(service)
    assert isinstance(found, Counter)
    assert (found.value_uj, found.at_ns) == (1_234_567 * 3_600_000_000, 7)
    assert (found.range_uj, found.max_power_uw) == (None, 100_000_000_000)


def test_an_impossible_counter_is_a_failed_reading_and_the_next_counts_on(
    service: Service,
) -> None:
    """More kilowatt-hours than a page can hold in microjoules are no reading, of one or in all."""
    sensor = {"Reading": 100}
    service.chassis("1", EnvironmentMetrics={"EnergykWh": sensor})
    service.chassis("2", EnvironmentMetrics={"EnergykWh": {"Reading": 2_000_000}})
    meter = Redfish(Bmc(service.url, "meter", SECRET), Boot("boot", lambda: 7))
    assert isinstance(meter.read(), Counter)
    for kwh, words in ((9e8, "or an impossible one"), (600_000, "2600000 kWh in all; a host has")):
        sensor["Reading"] = kwh  # type: ignore[assignment]
        lost = meter.read()
        assert isinstance(lost, Failure)
        assert words in lost.error
    sensor["Reading"] = 101
    assert isinstance(meter.read(), Counter)
    meter.close()


def test_more_power_than_a_host_draws_is_no_reading(service: Service) -> None:
    """A hundred kilowatts at most, in all chassis together."""
    service.chassis("1", Power=power(60_000))
    service.chassis("2", Power=power(60_000))
    assert failed(service)[0] == "implausible"


@pytest.mark.parametrize("dripped", ["status", "header", "body"])
def test_a_bmc_that_sends_a_byte_at_a_time_is_a_failed_reading(
    monkeypatch: pytest.MonkeyPatch, dripped: str
) -> None:
    """However regularly its bytes come, the whole answer has one time limit."""
    monkeypatch.setattr(redfish, "TIMEOUT_SECONDS", 0.3)
    starts = {
        "status": b"",
        "header": b"HTTP/1.1 200 OK\r\nX-Long: ",
        "body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
    }
    with dripping(starts[dripped]) as url:
        meter = Redfish(Bmc(url, "meter", SECRET), Boot("boot"))
        lost = meter.read()
        meter.close()
    assert isinstance(lost, Failure)
    assert lost.gap.cause == "read_failed"
    assert url in lost.error
    assert "timed out: no whole answer in 0.3 s" in lost.error


def test_many_slow_answers_have_one_time_limit_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in time, and the reading as a whole not."""
    monkeypatch.setattr(redfish, "POLL_SECONDS", 0.5)
    for number in range(20):
        service.chassis(str(number), Power=power(500))
    service.pause = 0.1
    assert "timed out" in failed(service)[1]


def test_an_answer_that_is_cut_is_not_the_next_ones(service: Service) -> None:
    """The rest of an answer that was too long is never read as another's."""
    service.chassis("1", EnvironmentMetrics={}, Power=power(500))
    del service.documents[f"{C}/1/EnvironmentMetrics"]
    service.missing = b" " * 2**21
    assert reading(service) == PowerSample(500_000_000, 7, "boot")


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("http://bmc-12.example", True),
        ("http://10.0.0.7:8080", True),
        ("http://127.0.0.1:8080", False),
        ("http://[::1]", False),
        ("http://localhost", False),
        ("https://bmc-12.example", False),
    ],
)
def test_a_password_is_open_where_it_leaves_the_host_unencrypted(url: str, is_open: bool) -> None:
    """By http, and not to the host itself."""
    assert redfish.is_open(url) is is_open


def test_several_chassis_are_summed_and_those_inside_are_not(service: Service) -> None:
    """A baseboard in a chassis, directly or in a tray, is in its power already."""
    service.chassis("a", Power=power(500))
    service.chassis("b", Power=power(300.5))
    service.chassis("tray", inside="a")
    service.chassis("gpus", inside="tray", Power=power(200))
    assert reading(service) == PowerSample(800_500_000, 7, "boot")


def test_the_input_of_all_supplies_is_nearer_the_wall(service: Service) -> None:
    """An empty bay counts for nothing; a supply that does not say makes the sum unknown."""
    document = power(500, 270, 280)
    document["PowerSupplies"].append({"Status": {"State": "Absent"}})
    service.chassis("1", Power=document)
    assert reading(service) == PowerSample(550_000_000, 7, "boot")
    document["PowerSupplies"][0]["PowerInputWatts"] = None
    assert reading(service) == PowerSample(500_000_000, 7, "boot")


def test_a_service_without_power_documents_is_read_by_its_metrics(service: Service) -> None:
    """`PowerWatts`, as newer services have it; supplies and controls come before it."""
    metrics = {"PowerWatts": {"Reading": 512.5}}
    service.chassis("1", EnvironmentMetrics=metrics)
    assert reading(service) == PowerSample(512_500_000, 7, "boot")
    service.documents.clear()
    service.chassis("1", EnvironmentMetrics=metrics, Power=power(500))
    assert reading(service) == PowerSample(500_000_000, 7, "boot")


def test_a_document_that_is_named_and_not_there_hides_no_other(service: Service) -> None:
    """Metrics that answer 404 leave the power to be read; a whole chassis that does is no sum."""
    service.chassis("1", EnvironmentMetrics={}, Power=power(500))
    del service.documents[f"{C}/1/EnvironmentMetrics"]
    assert reading(service) == PowerSample(500_000_000, 7, "boot")
    service.chassis("gone", Power=power(700))
    del service.documents[f"{C}/gone"]
    assert f"{C}/gone: answered 404" in failed(service)[1]


def test_a_source_once_chosen_is_kept(service: Service) -> None:
    """A supply that stops telling is a gap, not a step down to another figure; then it recovers."""
    document = power(500, 270, 280)
    service.chassis("1", Power=document)
    meter = Redfish(Bmc(service.url, "meter", SECRET), Boot("boot", lambda: 7))
    assert isinstance(meter.read(), PowerSample)
    document["PowerSupplies"][0]["PowerInputWatts"] = None
    lost = meter.read()
    assert isinstance(lost, Failure)
    assert "has no value now for its supplies" in lost.error
    document["PowerSupplies"][0]["PowerInputWatts"] = 271
    assert meter.read() == PowerSample(551_000_000, 7, "boot")
    meter.close()


def test_a_wrong_password_says_so_and_never_shows_it(service: Service) -> None:
    """Cause `permission`, with the setting to look at."""
    service.chassis("1", Power=power(500))
    cause, error = failed(service, "wrong secret")
    assert cause == "permission"
    assert "check user and password_file" in error
    assert "wrong secret" not in error
    assert "wrong secret" not in repr(Bmc("http://bmc", "meter", "wrong secret"))


@pytest.mark.parametrize(
    "raw", [b"<html>", b"[]", b"\xff\xfe", b"[" * 100_000, b"{}" + b" " * 2**20]
)
def test_garbage_is_a_failed_reading(service: Service, raw: bytes) -> None:
    """No JSON, not an object, too deep, too long."""
    service.documents[C] = {}
    service.raw = raw
    assert failed(service)[0] == "read_failed"


@pytest.mark.parametrize(
    "watts", [0, 0.0, None, "500", -1, True, 1e9, float("nan"), float("inf"), [500]]
)
def test_a_value_that_is_no_power_is_no_reading(service: Service, watts: Any) -> None:
    """Never a zero and never a spike."""
    service.chassis("1", Power=power(watts))
    assert failed(service)[0] == "unsupported"


def test_a_service_that_fails_or_is_gone_is_a_gap_and_recovers(service: Service) -> None:
    """An error of the BMC, then a chassis that is another, without restart."""
    service.chassis("1", Power=power(500))
    meter = Redfish(Bmc(service.url, "meter", SECRET), Boot("boot", lambda: 7))
    service.status = 503
    assert isinstance(meter.read(), Failure)
    service.status = 200
    assert isinstance(meter.read(), PowerSample)
    service.documents.clear()
    service.chassis("2", Power=power(400))
    assert isinstance(meter.read(), Failure)
    assert meter.read() == PowerSample(400_000_000, 7, "boot")
    meter.close()


def test_a_bmc_that_does_not_answer_in_time_is_a_gap(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The read ends at its time limit, with a remedy."""
    monkeypatch.setattr(redfish, "TIMEOUT_SECONDS", 0.05)
    service.chassis("1", Power=power(500))
    service.pause = 0.5
    cause, error = failed(service)
    assert (cause, "timed out" in error) == ("read_failed", True)


def test_a_reference_to_another_place_is_not_followed(service: Service) -> None:
    """The password goes to the BMC that was named, and nowhere else."""
    service.documents[C] = {"Members": [{"@odata.id": "http://elsewhere/redfish/v1/Chassis/1"}]}
    assert failed(service)[0] == "unsupported"


def test_a_connection_that_the_bmc_closed_is_opened_again(service: Service) -> None:
    """An idle connection closed by the other side costs no reading."""
    service.chassis("1", Power=power(500))
    meter = Redfish(Bmc(service.url, "meter", SECRET), Boot("boot", lambda: 7))
    for _ in range(3):
        assert meter.read() == PowerSample(500_000_000, 7, "boot")
        service.hang_up()
    meter.close()


@pytest.mark.parametrize("url", ["bmc", "ftp://bmc", "https://u:p@bmc", "https://bmc:x"])
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(RedfishError, match="write https://HOST"):
        Redfish(Bmc(url, "meter", SECRET), Boot("boot"))
    with pytest.raises(RedfishError, match="ca_file: cannot read"):
        Redfish(Bmc("https://bmc", "meter", SECRET, "/nowhere.pem"), Boot("boot"))
