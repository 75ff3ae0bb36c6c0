"""The commands `footprint-agent gateway`, `gateway check` and `gateway import`.

In: the command line. Out: a reader that runs until told to stop; what the endpoints offer, once; or
pages of an export's days. Nothing that a gateway says of a team, key or user is printed.
"""

import argparse
import logging
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from exporters import push
from exporters.errors import SettingsError
from exporters.gateway import importing
from exporters.gateway import settings as settings_file
from exporters.gateway.check import check
from exporters.gateway.importing import DaySpool, Report
from exporters.gateway.reader import Reader
from exporters.gateway.settings import Gateway, Settings
from exporters.gateway.spool import UsageSpool, cover
from footprint import __version__

PUSH_SECONDS = 60


def main(arguments: argparse.Namespace) -> int:
    """Run the command; the exit code. Raises AgentError."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s"
    )
    settings = settings_file.load(getattr(arguments, "config", None))
    verb = getattr(arguments, "verb", None)
    if verb == "check":
        return check(settings)
    if verb == "import":
        return _import(settings, arguments.file, getattr(arguments, "gateway", None))
    return _run(settings)


def _run(settings: Settings) -> int:
    reader = Reader(settings)

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's own form
        reader.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    address, port = reader.server.server_address[:2]
    where = settings.service or "no service: pages stay in the spool"
    print(  # noqa: T201 - what an operator looks for first
        f"footprint-agent {__version__}: gateway reader {settings.name}, ledger "
        f"{reader.ledger_id}, /metrics on http://{address!s}:{port}/metrics, {where}",
        flush=True,
    )
    reader.run()
    return 0


def _import(settings: Settings, path: Path, number: int | None) -> int:
    gateway = _gateway(settings, number)
    export = importing.read(path)
    live = cover(settings.state_path / "usage.db")
    spool = DaySpool(settings.state_path / "days.db", settings.name, "litellm-csv")
    try:
        report = importing.take(spool, export, gateway, time.time_ns() // 1000, live)
        _tell(report)
        return _send(settings, spool)
    finally:
        spool.close()


def _gateway(settings: Settings, number: int | None) -> Gateway:
    litellm = [gateway for gateway in settings.gateways if gateway.kind == "litellm"]
    if not litellm:
        raise SettingsError("import: the settings name no gateway of kind litellm")
    if number is None and len(litellm) > 1:
        raise SettingsError(
            f"import: the settings name {len(litellm)} gateways; say whose export it is: "
            f"--gateway 1 to {len(litellm)}"
        )
    if number is not None and not 1 <= number <= len(litellm):
        raise SettingsError(f"import: there is no gateway {number}; write 1 to {len(litellm)}")
    return litellm[(number or 1) - 1]


def _tell(report: Report) -> None:
    for remark in report.remarks:
        print(f"remark: {remark}")  # noqa: T201 - what was asked for
    print(  # noqa: T201
        f"days: {report.new} new, {report.replaced} replaced, {report.unchanged} unchanged, "
        f"{report.left_out} left out",
        flush=True,
    )


def _send(settings: Settings, spool: UsageSpool) -> int:
    """Send what waits; 1 where the service did not take all of it."""
    url = settings.service
    if url is not None:
        token = push.read_token(settings.token_file)
        service = push.Service(url, token, push.USAGE, settings.token_file, settings.trust)
        pusher = push.Pusher(spool, service, lambda _result: None, url)
        pusher.start()
        pusher.stop(PUSH_SECONDS)
    waiting = spool.counts().waiting
    if url is None or not waiting:
        return 0
    print(  # noqa: T201
        f"footprint-agent: import: {waiting} pages wait in {spool.path}; import any export "
        "again to send them",
        file=sys.stderr,
    )
    return 1
