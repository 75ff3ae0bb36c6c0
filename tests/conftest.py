"""What holds for every test: Hypothesis without chance in CI, and the list of skipped tests.

`--expect-skips FILE` fails the run unless the tests skipped are those that FILE names, one node id
a line; `--write-skips FILE` writes it. A test skipped for want of a capability of the machine (not
of a program) may be in the list or not: no list could be right on every machine. What `-m` or `-k`
leaves out neither skips nor has to.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.tools import CAPABILITY_REASON

settings.register_profile(
    "house",
    deadline=None,  # two cores shared with servers: time decides no test
    derandomize=os.environ.get("CI") == "true",
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")

EXPECT, WRITE = "--expect-skips", "--write-skips"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two options around one file of node ids."""
    group = parser.getgroup("footprint")
    group.addoption(EXPECT, metavar="FILE", help="fail unless exactly the tests in FILE skip")
    group.addoption(WRITE, metavar="FILE", help="write the node ids of skipped tests to FILE")


def pytest_configure(config: pytest.Config) -> None:
    """Watch skips only where one of the options asks for it."""
    expect, write = config.getoption(EXPECT), config.getoption(WRITE)
    if expect or write:
        config.pluginmanager.register(SkipList(expect, write), "footprint-skips")


class SkipList:
    """The node ids that skipped in this run, held against a file or written to it. Where several
    processes share the run (pytest-xdist) each tells the first one what it skipped."""

    def __init__(self, expect: str | None, write: str | None) -> None:
        self.expect = Path(expect) if expect else None
        self.write = Path(write) if write else None
        self.skipped: set[str] = set()
        self.uncertain: set[str] = set()
        self.left_out: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        of_machine = CAPABILITY_REASON in reason
        (self.uncertain if of_machine else self.skipped).add(report.nodeid)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self.left_out.update(item.nodeid for item in items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        told = getattr(node, "workeroutput", {})
        self.skipped.update(told.get("skipped", ()))
        self.uncertain.update(told.get("uncertain", ()))
        self.left_out.update(told.get("left out", ()))

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output |= {
                "skipped": sorted(self.skipped),
                "uncertain": sorted(self.uncertain),
                "left out": sorted(self.left_out),
            }
            return (yield)
        if self.write:
            self.write.write_text("".join(f"{node}\n" for node in sorted(self.skipped)))
        if list(self.differences()) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        differences = list(self.differences())
        if differences:
            terminalreporter.section(f"skipped tests are not those of {self.expect}", red=True)
        for line in differences:
            terminalreporter.write_line(line, red=True)

    def differences(self) -> Iterator[str]:
        """One line for each test that skipped and is not listed, or is listed and did not skip."""
        if self.expect is None:
            return
        listed = set(self.expect.read_text().split("\n")) - {""}
        for node in sorted(self.skipped - listed):
            yield f"skipped but not listed: {node}"
        for node in sorted(listed - self.skipped - self.uncertain - self.left_out):
            yield f"listed but not skipped: {node}"
