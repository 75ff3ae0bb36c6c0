"""These tests run where they are asked for by their mark, and write down what they saw.

`--results FILE` replaces the file once every test has passed; a test that was skipped is in it with
its reason.
"""

import platform
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.peers.driven import Driven, Host

RESULTS = pytest.StashKey["Results"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option; this file is read early where tests/peers is named on the command line."""
    parser.getgroup("footprint").addoption("--results", metavar="FILE", help="what peers did")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Not part of `make test`: Zeus has to be installed, and a peer may change as it likes."""
    return None if "peers" in config.option.markexpr else True


class Results:
    """Versions and one row a defect."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.rows: list[tuple[str, ...]] = []
        self.skips: list[str] = []

    def saw(self, library: str, *, listed: str, done: str, theirs: str, ours: str) -> None:
        """`listed`: what is said of the library; `done`: the input and the truth."""
        self.rows.append((library, listed, done, theirs, ours))

    def markdown(self) -> str:
        """The file."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
        head = [
            "# Other meters on the inputs that break them",
            "",
            "Written by `make peers`. Each row is a test that drives the unmodified library by its "
            "own interface",
            "(/sys/class/powercap in a mount namespace, `libnvidia-ml.so.1`), and our sensor and "
            "sampler on the same",
            "files at the same seconds.",
            "",
            f"- date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            f"- versions: {versions}",
            f"- system: {system}",
            "",
            "| library | what is said of it | input, and what is true | it says | we say |",
            "|---|---|---|---|---|",
        ]
        rows = [f"| {' | '.join(row)} |" for row in self.rows]
        skips = ["", "Not run:", "", *(f"- {skip}" for skip in self.skips)] if self.skips else []
        return "\n".join([*head, *rows, *skips]) + "\n"


def pytest_configure(config: pytest.Config) -> None:
    """One notebook a run."""
    config.stash[RESULTS] = Results()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Keep the reasons of skipped tests."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        item.config.stash[RESULTS].skips.append(f"{item.name}: {report.longrepr[2]}")
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the file, of a run in which nothing failed."""
    path, results = session.config.getoption("--results", None), session.config.stash[RESULTS]
    if path and results.rows and exitstatus == pytest.ExitCode.OK:
        Path(path).write_text(results.markdown(), encoding="utf-8")


@pytest.fixture
def results(request: pytest.FixtureRequest) -> Results:
    """Where a test writes what it saw."""
    return request.config.stash[RESULTS]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """The inputs, empty."""
    return Host(tmp_path)


Drive = Callable[..., Driven]


@pytest.fixture
def drive(host: Host, results: Results) -> Iterator[Drive]:
    """Starts a library on the host, and ends it."""
    begun: list[Driven] = []

    def start(library: str, command: str, **settings: str) -> Driven:
        driven = Driven(library, host, **settings)
        begun.append(driven)
        answer = driven.ask(command)
        if "version" in answer:
            results.versions[library] = str(answer["version"])
        return driven

    yield start
    for driven in begun:
        driven.end()
