"""Node energy from a management controller (BMC) by Redfish: what the whole host draws.

In: the service of one BMC (DMTF DSP0266; schemas `Chassis`, `EnvironmentMetrics`, `Power`). Out:
one reading for the host, the sum of its outermost chassis; one inside another is already in it.
Of each chassis the first of these that it has is read, and kept: the energy counter
(`EnergykWh`), the input of all its power supplies, the power of its first power control, the power
of the chassis (`PowerWatts`; newer services have no `Power` any more).

`http.client` and not the `redfish` package: that one brings `requests` (10 MB more in a process
that is to stay under 45 MB) and sessions that a BMC must clean up; three GET requests need neither.
A BMC may take seconds to answer: never read it inside the agent's tick.
"""

import http.client
import ipaddress
import json
import ssl
import time
import urllib.parse
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

import msgspec

from exporters import timed_http
from exporters.clock import Boot
from exporters.sensors.sensor import Failure
from footprint.reading import Cause, Counter, Gap, PowerSample
from footprint.units import uj_from_watt_hours, uw_from_watts

TIMEOUT_SECONDS = 4.0
"""Of one request, from connecting to the last byte of its answer."""
POLL_SECONDS = 60.0
"""Of one reading; the first asks for every chassis and its documents, seconds each on some BMCs."""
MAX_BYTES = 1 << 20
MAX_CHASSIS = 64
MAX_WATTS = 100_000
"""The most that a host can draw. Among the largest of today, one with eight GPU boards of 1 kW each
is specified for 14.3 kW (NVIDIA DGX B200): seven times that leaves room for what comes."""
MAX_KWH = 2_500_000
"""The most that a host's counter can show: 28 years of 10 kW, and what microjoules in 63 bits hold
(2,562,047 kWh)."""
ROOT = "/redfish/v1/Chassis"
SAMPLE_EVERY_SECONDS = 2
"""How often power is to be sampled: two samples may be 5 s apart, and a BMC may take 2 s."""

Kind = Literal["energy", "supplies", "control", "environment"]
Document = dict[str, Any]


class Bmc(msgspec.Struct, frozen=True):
    """Where a BMC answers and as whom. `ca_file`: certificates to trust instead of the system's;
    TLS is always verified. The password is not part of any text this module makes."""

    url: str
    user: str
    password: str
    ca_file: str | None = None

    def __repr__(self) -> str:
        return f"Bmc(url={self.url!r}, user={self.user!r})"


class Source(msgspec.Struct, frozen=True):
    """What is read of one chassis: a document and which of its values."""

    kind: Kind
    path: str


class RedfishError(Exception):
    """A BMC that gives no reading; the message says what, where, and the remedy."""

    def __init__(self, message: str, cause: Cause = "read_failed", status: int = 0) -> None:
        super().__init__(message)
        self.cause = cause
        self.status = status


class Redfish:
    """One BMC. Nothing here is shared: use it from one thread."""

    name = "redfish"

    def __init__(self, bmc: Bmc, boot: Boot) -> None:
        """Reads nothing yet. Raises RedfishError where the URL or the CA file cannot be used."""
        self._bmc = bmc
        self._boot = boot
        self._connect = _connector(bmc)
        self._connection: http.client.HTTPConnection | None = None
        self._sources: list[Source] = []
        self._deadline = 0.0

    @property
    def quality(self) -> Literal["counter", "integrated"]:
        """`counter` where every chassis counts its energy, as found by the last search."""
        counted = self._sources and all(source.kind == "energy" for source in self._sources)
        return "counter" if counted else "integrated"

    def read(self) -> Counter | PowerSample | Failure:
        """The host's energy or power now; never raises for a failed read."""
        self._deadline = time.monotonic() + POLL_SECONDS
        try:
            if not self._sources:
                self._sources = self._search()
            amounts = [self._amount(source) for source in self._sources]
        except RedfishError as error:
            self.close()
            if error.status == 404:
                self._sources = []  # the chassis are others now: search again
            return Failure(Gap(error.cause), f"redfish: {self._bmc.url}: {error}")
        at_ns, boot_id = self._boot.mono_ns(), self._boot.boot_id
        total = sum(amounts, Decimal(0))
        counted = self.quality == "counter"
        if total > (most := MAX_KWH if counted else MAX_WATTS):
            reason = f"{total:.0f} {'kWh' if counted else 'W'} in all; a host has {most} at most"
            remedy = "update the BMC's firmware"
            return Failure(Gap("implausible"), f"redfish: {self._bmc.url}: {reason}; {remedy}")
        if counted:
            most_uw = uw_from_watts(MAX_WATTS)
            return Counter(uj_from_watt_hours(total * 1000), at_ns, boot_id, None, most_uw)
        # A host that runs this draws power: 0 is how some BMCs say that they do not know.
        if not total:
            reason = "answers 0 W; update the BMC's firmware, or look whether its supplies are read"
            return Failure(Gap("unsupported"), f"redfish: {self._bmc.url}: {reason}")
        return PowerSample(uw_from_watts(total), at_ns, boot_id)

    def close(self) -> None:
        """Give the connection back."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _search(self) -> list[Source]:
        members = _links(self._get(ROOT), "Members")
        if len(members) > MAX_CHASSIS:
            raise RedfishError(f"{len(members)} chassis; {MAX_CHASSIS} are read at most")
        chassis = {path: self._get(path) for path in members}
        found: dict[str, list[Source]] = {path: self._offers(one) for path, one in chassis.items()}
        outermost = [path for path in members if found[path] and not _inside(path, chassis, found)]
        if not outermost:
            raise RedfishError(
                "no chassis has EnergykWh, PowerSupplies, PowerControl or PowerWatts; "
                "check the BMC's firmware, or its user's rights",
                "unsupported",
            )
        counted = all(found[path][0].kind == "energy" for path in outermost)
        if counted:
            return [found[path][0] for path in outermost]
        powers = [[one for one in found[path] if one.kind != "energy"] for path in outermost]
        if not all(powers):
            raise RedfishError(
                "some chassis count energy, others only power: no sum", "unsupported"
            )
        return [of_chassis[0] for of_chassis in powers]

    def _offers(self, chassis: Document) -> list[Source]:
        """What can be read of a chassis, the best first."""
        paths = {key: _link(chassis.get(key)) for key in _DOCUMENTS}
        found = {key: self._get_if_there(path) for key, path in paths.items() if path}
        return [
            Source(kind, str(paths[key]))
            for kind, (key, value) in _VALUES.items()
            if key in found and value(found[key]) is not None
        ]

    def _get_if_there(self, path: str) -> Document:
        """A document, empty where the service names one that it does not have, as some do."""
        try:
            return self._get(path)
        except RedfishError as error:
            if error.status == 404:
                return {}
            raise

    def _amount(self, source: Source) -> Decimal:
        value = _VALUES[source.kind][1](self._get(source.path))
        if value is None:
            raise RedfishError(
                f"{source.path} has no value now for its {source.kind}, or an impossible one"
            )
        return value

    def _get(self, path: str) -> Document:
        reused = self._connection is not None
        try:
            return self._request(path)
        except ConnectionError:
            self.close()
            if reused:  # a BMC closes idle connections without a word
                return self._get(path)
            raise RedfishError(
                f"{path}: connection refused or lost; check the URL, "
                "and that the BMC's web service is on"
            ) from None
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise RedfishError(
                f"{path}: certificate not trusted: {error.verify_message}; set ca_file to the "
                "certificate (PEM) of the BMC or of who signed it, and write the URL with its name"
            ) from error
        except TimeoutError:
            self.close()
            raise RedfishError(
                f"{path}: timed out: no whole answer in {TIMEOUT_SECONDS:g} s, or in "
                f"{POLL_SECONDS:g} s for all that is read; "
                "check the URL and the network; if that lasts, restart the BMC"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            reason = str(error) or type(error).__name__
            raise RedfishError(f"{path}: {reason[:100]}; check the URL and the network") from error

    def _request(self, path: str) -> Document:
        if self._connection is None:
            self._connection = self._connect()
        login = b64encode(f"{self._bmc.user}:{self._bmc.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Accept": "application/json"}
        deadline = min(self._deadline, time.monotonic() + TIMEOUT_SECONDS)
        status, body = timed_http.get(self._connection, path, headers, deadline, MAX_BYTES + 1)
        if status in (401, 403):
            raise RedfishError(
                f"{path}: answered {status}; check user and password_file", "permission", status
            )
        if status in (429, 503):
            raise RedfishError(
                f"{path}: answered {status}, it is busy; if that lasts, restart the BMC",
                status=status,
            )
        if status != 200:
            raise RedfishError(
                f"{path}: answered {status}; is the URL that of a BMC with Redfish?", status=status
            )
        if len(body) > MAX_BYTES:
            raise RedfishError(f"{path}: answered more than {MAX_BYTES} bytes")
        return _document(path, body)


def _connector(bmc: Bmc) -> Callable[[], http.client.HTTPConnection]:
    url = urllib.parse.urlsplit(bmc.url)
    try:
        host, port = url.hostname, url.port
    except ValueError:
        host, port = None, None
    if url.scheme not in ("http", "https") or not host or url.username:
        raise RedfishError("url: write https://HOST[:PORT], without user and password")
    if url.scheme == "http":
        return lambda: http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        context = ssl.create_default_context(cafile=bmc.ca_file)
    except OSError as error:
        raise RedfishError(
            f"ca_file: cannot read {bmc.ca_file}: {error.strerror}; give a PEM file of certificates"
        ) from error
    return lambda: http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)


def is_open(url: str) -> bool:
    """Whether the password of a BMC goes unencrypted over a network: http, and not loopback."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "http" or parts.hostname == "localhost":
        return False
    try:
        return not ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return True  # a name


def _document(path: str, body: bytes) -> Document:
    try:
        found = json.loads(body, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise RedfishError(f"{path}: answered no JSON") from error
    if not isinstance(found, dict):
        raise RedfishError(f"{path}: answered no JSON object")
    return found


def _link(value: Any) -> str | None:
    """The path that a reference names: on this BMC, never elsewhere."""
    path = value.get("@odata.id") if isinstance(value, dict) else None
    plain = isinstance(path, str) and path.isascii() and path.isprintable() and " " not in path
    return path if plain and path.startswith("/redfish/") else None  # type: ignore[union-attr]


def _links(document: Document, key: str) -> list[str]:
    values = document.get(key)
    found = map(_link, values) if isinstance(values, list) else ()
    return list(dict.fromkeys(path for path in found if path))


def _inside(path: str, chassis: dict[str, Document], found: dict[str, list[Source]]) -> bool:
    """Whether a chassis that is read contains this one, directly or not."""
    seen = {path}
    while True:
        links = chassis.get(path, {}).get("Links")
        outer = _link(links.get("ContainedBy")) if isinstance(links, dict) else None
        if outer is None or outer in seen:
            return False
        if found.get(outer):
            return True
        seen.add(outer)
        path = outer


def _number(value: Any, most: int) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    exact = Decimal(value)
    return exact if exact.is_finite() and 0 <= exact <= most else None


def _energy(metrics: Document) -> Decimal | None:
    """Kilowatt-hours of `EnergykWh`; a counter that never counted says nothing."""
    sensor = metrics.get("EnergykWh")
    found = _number(sensor.get("Reading"), MAX_KWH) if isinstance(sensor, dict) else None
    return found or None


def _supplies(power: Document) -> Decimal | None:
    """Watts into all power supplies that are in service; None while one of them does not say."""
    supplies = power.get("PowerSupplies")
    if not isinstance(supplies, list):
        return None
    present = [one for one in supplies if isinstance(one, dict) and _in_service(one)]
    inputs = [_number(one.get("PowerInputWatts"), MAX_WATTS) for one in present]
    known = [watts for watts in inputs if watts is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(inputs) else None


def _in_service(supply: Document) -> bool:
    status = supply.get("Status")
    state = status.get("State") if isinstance(status, dict) else None
    return state not in ("Absent", "Disabled", "UnavailableOffline")


def _control(power: Document) -> Decimal | None:
    """Watts of the first power control, which is the chassis as a whole."""
    controls = power.get("PowerControl")
    first = controls[0] if isinstance(controls, list) and controls else None
    watts = first.get("PowerConsumedWatts") if isinstance(first, dict) else None
    return _number(watts, MAX_WATTS)


def _environment(metrics: Document) -> Decimal | None:
    """Watts of the chassis as a whole."""
    sensor = metrics.get("PowerWatts")
    return _number(sensor.get("Reading"), MAX_WATTS) if isinstance(sensor, dict) else None


_VALUES: dict[Kind, tuple[str, Callable[[Document], Decimal | None]]] = {
    "energy": ("EnvironmentMetrics", _energy),
    "supplies": ("Power", _supplies),
    "control": ("Power", _control),
    "environment": ("EnvironmentMetrics", _environment),
}
"""What a chassis can be read by, the best first: which document, and which of its values."""
_DOCUMENTS = dict.fromkeys(document for document, _ in _VALUES.values())
