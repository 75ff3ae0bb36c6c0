"""The agent as a whole, in this process, on clocks and files that the test sets."""

import logging
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exporters.agent import Agent
from exporters.settings import Settings
from exporters.surroundings import Surroundings
from footprint.ledger import verify_chain
from tests.powercap import make_zone
from tests.running import page_bodies

HOUR_NS = 3_600 * 10**9


def settings(folder: Path) -> Settings:
    """One package, nothing else, everything below `folder`."""
    return Settings(
        host_id="host",
        state_dir=str(folder / "state"),
        run_dir=str(folder / "run"),
        listen="127.0.0.1:0",
        powercap_root=str(folder / "powercap"),
        nvml="off",
        model="off",
    )


@pytest.fixture
def energy(tmp_path: Path) -> Path:
    """The counter's file of a host with one package."""
    return make_zone(tmp_path / "powercap", "intel-rapl:0", "package-0", range_uj=10**12)


def test_time_does_not_begin_before_what_the_ledger_holds(tmp_path: Path, energy: Path) -> None:
    """Restarted with a wall clock set back by an hour: pages follow each other all the same."""
    assert energy.exists()
    for wall_ns in (time.time_ns, lambda: time.time_ns() - HOUR_NS):
        agent = Agent(settings(tmp_path), Surroundings(wall_ns=wall_ns))
        agent.stop()
        agent.run()
    pages = list(verify_chain(page_bodies(tmp_path / "state" / "spool.db")))
    assert [page.start for page in pages[1:]] == [page.end for page in pages[:-1]]
    assert pages[-1].clock_offset_us < -3_599_000_000


def test_a_device_that_fails_and_heals_is_said_once_each(
    tmp_path: Path, energy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A line with file and reason when it begins, a line when it ends, none in between."""
    caplog.set_level(logging.INFO, "footprint.agent")
    agent = Agent(settings(tmp_path))
    for text in ("1000\n", "garbage\n", "garbage\n", "2000\n", "3000\n"):
        energy.write_text(text)
        agent.tick_once()
    agent.stop()
    agent.run()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert str(energy) in lines[0]
    assert "garbage" not in lines[0]
    assert lines[1] == "rapl package-0 can be read again"


def test_nothing_in_the_current_folder_is_run(tmp_path: Path) -> None:
    """A file named like a module, where the agent is started, is not code of the agent."""
    (tmp_path / "json.py").write_text("import pathlib; pathlib.Path('ran').touch()\n")
    program = Path(sys.executable).parent / "footprint-agent"
    command = [program, "start", "--state-dir", "s", "--run-dir", "r", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "/metrics on" in line:
            break
    process.terminate()
    assert process.wait(30) == 0
    process.stdout.close()
    assert not (tmp_path / "ran").exists()
    shutil.rmtree(tmp_path / "s")
