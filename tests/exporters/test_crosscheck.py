"""The cross-check with CodeCarbon: real trackers, real agents, counters that follow a script."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exporters.checking import Crosscheck, is_alive
from tests.exporters.nobody import footprint_agent, the_line
from tests.exporters.test_model import stub
from tests.exporters.test_nvml import FIRST, SECOND
from tests.powercap import ScriptedCounter, make_zone, scripted
from tests.running import Agent, ended, page_bodies, wait_until
from tests.tools import require_tool

J = 1_000_000
RANGE_UJ = 262_143_328_850
SOURCE = Path(__file__).parents[1] / "peers" / "nvml_more.c"


@pytest.fixture
def package(tmp_path: Path) -> Iterator[tuple[Path, ScriptedCounter]]:
    """A package of 500 W while it is let go, and a dram zone inside it that stands still."""
    with scripted(
        tmp_path, power_uw=500 * J, range_uj=RANGE_UJ, limit_uw=300 * J, start_uj=7 * J
    ) as (root, counter):
        make_zone(root, "intel-rapl:0:0", "dram", value_uj=5 * J, range_uj=RANGE_UJ)
        yield root, counter


def test_both_read_the_same_counter_and_agree(
    tmp_path: Path, package: tuple[Path, ScriptedCounter]
) -> None:
    """Both see all that the counter moved while both measured: ours to the microjoule, CodeCarbon's
    but for its unit; Ctrl-C ends early, with exit code 0."""
    root, counter = package
    check = Crosscheck(tmp_path, "--powercap-root", root)
    with ended(check):
        counter.go()
        time.sleep(3)
        true_uj = counter.hold()
        assert check.interrupt() == 0
    row, report = check.row("cpu"), check.report()
    assert row["footprint"]["energy_uj"] == true_uj
    assert row["footprint"]["quality"] == "counter"
    assert row["codecarbon"]["method"]["zones"] == ["package-0"]
    assert (row["same_counters"], row["verdict"], row["ratio"]) == (True, "agree", "1.0000")
    assert 0 < row["difference_uj"] <= true_uj // J + 1000  # 2.77778e-7 kWh: 0.8 millionths
    first, last = (row["footprint"]["devices"][0][edge]["value_uj"] for edge in ("first", "last"))
    assert (first, last) == (7 * J, 7 * J + true_uj)
    assert (report["ended_early"], report["refused_connections"]) == (True, 0)
    assert report["versions"]["codecarbon"] == "3.3.2"
    assert "same counters" in check.output()


def test_codecarbon_never_reads_the_dram_counter(
    tmp_path: Path, package: tuple[Path, ScriptedCounter]
) -> None:
    """Our figure is the counter's, which stood still; CodeCarbon's is an estimate: a known cause,
    not judged."""
    root, _ = package
    check = Crosscheck(tmp_path, "--powercap-root", root, "--minutes", 0.05)
    with ended(check):
        assert check.wait() == 0
    row = check.row("dram")
    assert row["footprint"]["energy_uj"] == 0
    assert row["codecarbon"]["method"]["method"] == "estimate"
    assert float(row["codecarbon"]["energy_joules"]) > 0
    assert row["verdict"] == "not judged"
    assert any("leaves dram zones inside a package out" in cause for cause in row["causes"])


def test_a_counter_that_cannot_be_read_at_the_end_is_not_judged(tmp_path: Path) -> None:
    """Our side is a gap; CodeCarbon shows a number all the same, and the report says so."""
    energy = make_zone(tmp_path / "powercap", "intel-rapl:0", "package-0", range_uj=RANGE_UJ)
    check = Crosscheck(tmp_path, "--powercap-root", tmp_path / "powercap")
    with ended(check):
        energy.write_text("")
        assert check.interrupt() == 0
    row = check.row("cpu")
    assert row["same_counters"]
    assert row["verdict"] == "not judged"
    assert float(row["footprint"]["gap_seconds"]) > 0
    assert row["footprint"]["devices"][0]["gap_causes"] == ["read_failed"]
    assert any("are a gap of the agent's (read_failed)" in cause for cause in row["causes"])


def test_where_nothing_counts_both_model_and_nothing_is_judged(tmp_path: Path) -> None:
    """Our model is named with its parameters; memory is unknown to us, not zero."""
    check = Crosscheck(
        *(tmp_path, "--powercap-root", tmp_path / "none", "--minutes", 0.05, "--format", "json")
    )
    with ended(check):
        assert check.wait() == 0
    row, memory = check.row("cpu"), check.row("dram")
    assert row["footprint"]["quality"] == "modelled"
    assert row["footprint"]["devices"][0]["parameters"]["codecarbon"] == "3.3.2"
    assert row["footprint"]["energy_uj"] > 0
    assert (row["same_counters"], row["verdict"]) == (False, "not judged")
    assert memory["footprint"] == {
        "energy_uj": None,
        "quality": None,
        "gap_seconds": "0.000000",
        "devices": [],
    }
    assert memory["ratio"] is None
    assert check.record.read_text() in check.output()


def test_cards_are_compared_by_their_counters(tmp_path: Path) -> None:
    """Unmodified nvidia-ml-py on both sides: every UUID, all that their counters moved."""
    library, state = tmp_path / "libnvidia-ml.so.1", tmp_path / "cards"
    compiler = [require_tool("gcc"), "-shared", "-fPIC", "-Wl,-soname,libnvidia-ml.so.1"]
    subprocess.run([*compiler, "-o", library, SOURCE], check=True)
    smi = tmp_path / "bin" / "nvidia-smi"  # CodeCarbon looks for cards only where this runs
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\n")
    smi.chmod(0o755)

    def cards(joules: int) -> None:
        lines = [f"{uuid} {(joules + 9) * 1000} 0 0 700000" for uuid in (FIRST, SECOND)]
        draft = state.with_suffix(".new")
        draft.write_text("\n".join(["0", *lines]) + "\n")
        os.replace(draft, state)

    cards(0)
    environment = {
        "LD_PRELOAD": str(library),
        "FAKE_NVML_STATE": str(state),
        "PATH": f"{smi.parent}:{os.environ['PATH']}",
        "CUDA_VISIBLE_DEVICES": "1",
    }
    check = Crosscheck(tmp_path, "--powercap-root", tmp_path / "none", **environment)
    with ended(check):
        for step in range(1, 5):
            cards(1000 * step)
            time.sleep(1.1)
        assert check.interrupt() == 0
    row = check.row("gpu")
    assert row["codecarbon"]["method"]["cards"] == [FIRST, SECOND]
    assert [meter["energy_uj"] for meter in row["footprint"]["devices"]] == [4000 * J, 4000 * J]
    assert (row["verdict"], row["ratio"]) == ("agree", "1.0000")


def test_it_runs_beside_the_agent_of_the_host(
    tmp_path: Path, package: tuple[Path, ScriptedCounter]
) -> None:
    """The agent's lock and ledger stay its own: its pages go on, and none is the cross-check's."""
    root, _ = package
    agent = Agent(tmp_path, "--powercap-root", str(root), "--page-seconds", "1")
    with ended(agent):
        check = Crosscheck(tmp_path, "--powercap-root", root, "--minutes", 0.05)
        with ended(check):
            assert check.wait() == 0
        held = len(page_bodies(agent.spool))
        wait_until(lambda: len(page_bodies(agent.spool)) > held, "another page of the agent")
        bodies = b"".join(page_bodies(agent.spool))
    assert check.report()["ledger"]["ledger_id"].encode() not in bodies


def test_codecarbons_process_ends_with_ours(tmp_path: Path) -> None:
    """Also where ours is killed."""
    check = Crosscheck(tmp_path, "--powercap-root", tmp_path / "none")
    with ended(check):
        children = check.children()
        assert children
        check.kill()
    wait_until(lambda: not any(map(is_alive, children)), "CodeCarbon's process to end")


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf", "1441"])
def test_minutes_out_of_range_are_one_line(minutes: str) -> None:
    """The line says what may be chosen."""
    line = the_line(footprint_agent("crosscheck", "--minutes", minutes))
    assert line == (
        f"footprint-agent: crosscheck: minutes is {float(minutes):g}; choose 0.05 to 1440"
    )


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    """It is said before anything is measured, and the file stays as it is."""
    file = tmp_path / "statement.json"
    file.write_text("a month's work")
    line = the_line(footprint_agent("crosscheck", "--output", file))
    assert line == f"footprint-agent: crosscheck: {file} is there already; name a new file"
    assert file.read_text() == "a month's work"


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """The folder does not exist."""
    file = tmp_path / "none" / "crosscheck.json"
    line = the_line(footprint_agent("crosscheck", "--output", file))
    assert line == (
        f"footprint-agent: crosscheck: cannot write {file}: No such file or directory; "
        "name a file you can write"
    )


def test_without_codecarbon_it_says_what_to_install(tmp_path: Path) -> None:
    """An installation without the extra: one line, and no file left behind."""
    for path in map(Path, sys.path):
        if path.name == "site-packages":
            for entry in path.iterdir():
                if not entry.name.startswith("codecarbon"):
                    (tmp_path / entry.name).symlink_to(entry)
    paths = [str(Path(__file__).parents[2]), str(tmp_path)]
    program = (
        f"import sys; sys.path[:0] = {paths!r}; from exporters.cli import main; "
        "sys.exit(main(['crosscheck', '--output', sys.argv[1]]))"
    )
    line = the_line(
        subprocess.run(
            [sys.executable, "-S", "-c", program, tmp_path / "crosscheck.json"],
            capture_output=True,
            text=True,
            check=False,
        )
    )
    assert line == (
        "footprint-agent: crosscheck: CodeCarbon is not installed; "
        "pip install 'footprint[agent-model]'"
    )
    assert not (tmp_path / "crosscheck.json").exists()


def test_a_broken_codecarbon_is_said(tmp_path: Path) -> None:
    """The last thing its process said, what to install, and no file left behind."""
    path = stub(tmp_path, "raise RuntimeError('no table')")
    result = footprint_agent("crosscheck", "--output", tmp_path / "new.json", PYTHONPATH=path)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "footprint-agent: crosscheck: CodeCarbon's process ended: RuntimeError: no table; "
        "pip install 'footprint[agent-model]'"
    )
    assert not (tmp_path / "new.json").exists()


def test_an_agent_that_meters_does_not_load_it() -> None:
    """Neither CodeCarbon nor what compares is in the agent's process."""
    program = "import sys, exporters.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "exporters.agent" in loaded
    assert not [name for name in loaded if name.startswith(("codecarbon", "pandas"))]
    assert "exporters.crosscheck.command" not in loaded
