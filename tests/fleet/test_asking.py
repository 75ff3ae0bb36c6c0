"""What the service holds is asked again where it gives no answer, and only for so long."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from footprint.fleet import asking
from footprint.fleet.asking import Service
from footprint.fleet.errors import BusyError, FleetError
from footprint.fleet.wire import Address, address


class Recovering(BaseHTTPRequestHandler):
    """Hangs up, then is busy, then holds nothing."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        if self.asked == 1:
            self.close_connection = True
            return
        status, body = (503, b"{}") if self.asked == 2 else (200, b'{"items":[],"next":null}')
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def recovering(monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    """Where it listens."""
    monkeypatch.setattr(Recovering, "asked", 0)
    monkeypatch.setattr(asking, "AGAIN_SECONDS", 0.01)
    with HTTPServer(("127.0.0.1", 0), Recovering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield address(f"http://127.0.0.1:{server.server_port}", None)
        server.shutdown()
        thread.join()


def test_it_is_asked_again(recovering: Address) -> None:
    """A service that is started anew, and one whose database is."""
    service = Service(recovering, patience_seconds=60)
    assert service.heads("fleet") == {}
    assert Recovering.asked == 3
    service.close()


def test_a_connection_that_broke_since_is_opened_again(recovering: Address) -> None:
    """A service that was started anew closed it; that is no reason to call it gone."""
    Recovering.asked = 2
    service = Service(recovering)
    assert service.heads("fleet") == {}
    Recovering.asked = 0  # it hangs up once
    with pytest.raises(BusyError, match="503"):
        service.heads("fleet")
    service.close()


def test_patience_ends(recovering: Address) -> None:
    """At once where there is none: with the reason."""
    service = Service(recovering)
    with pytest.raises(FleetError, match="is it running"):
        service.heads("fleet")
    with pytest.raises(BusyError, match="503"):
        service.heads("fleet")
    service.close()
