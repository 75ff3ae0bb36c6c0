"""`footprint-agent run`: the command is the user's own, and somebody knows whose energy it uses."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from footprint.ledger import verify_chain
from tests.exporters.burning import house, house_v1
from tests.exporters.nobody import footprint_agent, shared_folder, the_line
from tests.powercap import scripted
from tests.running import BIN, Agent, ended, page_bodies, wait_until

PYTHON = (sys.executable, "-I", "-c")
WHERE = "print(next(x for x in open('/proc/self/cgroup') if x.startswith('0::')).strip())"
BURN = "import time\nwhile time.process_time() < 2: pass"


@pytest.fixture
def own() -> Iterator[Path]:
    """The group of workloads under test."""
    with house() as group:
        yield group


@pytest.fixture
def own_v1() -> Iterator[Path]:
    """The same in the v1 tree of cpuacct."""
    with house_v1() as group:
        yield group


def test_the_command_runs_in_a_group_of_its_own(own: Path) -> None:
    """`<group>/<SIA>/<pid>`, made and entered before the command begins; nothing is printed."""
    result = footprint_agent(
        "run", "--sia", "chat", "--workload-group", own.name, "--", *PYTHON, WHERE
    )
    (made,) = (own / "chat").glob("*/")
    assert result.stdout == f"0::/{own.name}/chat/{made.name}\n"
    assert (result.returncode, result.stderr) == (0, "")


def test_exit_code_arguments_and_signals_are_the_commands_own(own: Path) -> None:
    """The command takes the place of `run`: its exit code, its death by signal, its `--`."""
    run = ("run", "--workload-group", own.name, "--sia", "chat", "--")
    assert footprint_agent(*run, *PYTHON, "import sys; sys.exit(37)").returncode == 37
    echo = footprint_agent(*run, *PYTHON, "import sys; print(sys.argv[1:])", "--", "--sia", "x")
    assert echo.stdout == "['--', '--sia', 'x']\n"
    command = [str(BIN / "footprint-agent"), *run, *PYTHON, "print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait() == -signal.SIGTERM


def test_without_a_tree_it_says_so_and_declares_the_process(tmp_path: Path) -> None:
    """A place that is no v2 tree is not littered with folders; the line names where it is told."""
    root, run_dir = tmp_path / "tree", tmp_path / "run"
    root.mkdir()
    result = footprint_agent(
        *("run", "--sia", "chat", "--cgroup-root", root, "--run-dir", run_dir, "--"),
        *PYTHON,
        "import os; print(os.getpid())",
    )
    assert the_line(result, code=0) == (
        f"footprint-agent run: no control group can be made ({root} is no cgroup v2 tree, and not "
        f"v1's of cpuacct); an "
        f"agent that runs with --run-dir {run_dir} follows the command's processes instead"
    )
    assert list(root.iterdir()) == []
    sia, started = (run_dir / "workloads" / result.stdout.strip()).read_text().split()
    assert sia == "chat"
    assert started.isdigit()


def test_without_rights_it_says_so_and_the_command_runs(own: Path) -> None:
    """Somebody who may not make groups gets the line and the command all the same."""
    with shared_folder() as run_dir:
        result = footprint_agent(
            *("run", "--sia", "chat", "--workload-group", own.name, "--run-dir", run_dir, "--"),
            *("cat", "/proc/self/cgroup"),
            nobody=True,
        )
    assert "no control group can be made ([Errno 13] Permission denied" in the_line(result, code=0)
    assert own.name not in result.stdout


def energy(agent: Agent) -> dict[str, int]:
    """Microjoules by consumer in the agent's spool."""
    found: dict[str, int] = {}
    for page in verify_chain(page_bodies(agent.spool)):
        for entry in page.entries:
            found[entry.consumer] = found.get(entry.consumer, 0) + entry.energy_uj
    return found


@pytest.mark.parametrize(
    ("how", "phase"),
    [
        ("v2", None),
        ("v1", None),
        ("followed", None),
        ("v2", "training"),
        ("followed", "evaluation"),
    ],
)
def test_an_agent_gives_the_commands_energy_to_its_sia(
    tmp_path: Path, how: str, phase: str | None, request: pytest.FixtureRequest
) -> None:
    """With a group in either tree, and followed as a process: the SIA has energy, in the phase that
    is said, the sum is the counter's."""
    fixture = {"v2": "own", "v1": "own_v1"}.get(how)
    own: Path | None = request.getfixturevalue(fixture) if fixture else None
    group = own.name if own else "footprint-test-none"
    tree = ("--cgroup-root", str(own.parent)) if own else ()
    power = {"power_uw": 50_000_000, "range_uj": 10**12, "limit_uw": 100_000_000}
    with scripted(tmp_path, **power) as (root, counter):
        options = ("--powercap-root", str(root), "--page-seconds", "5", *tree)
        agent = Agent(tmp_path, *options, group=group)
        with ended(agent):
            wait_until(lambda: len(agent.metrics()) > 5, "the first tick")
            counter.go()
            where = ["--workload-group", group, "--run-dir", tmp_path / "run"]
            where += tree or ["--cgroup-root", tmp_path]
            said = ("--phase", phase) if phase else ()
            result = footprint_agent("run", "--sia", "chat", *said, *where, "--", *PYTHON, BURN)
            assert result.returncode == 0
            true_uj = counter.hold()
            time.sleep(1.5)
            named = [name for name in agent.metrics() if 'consumer="' in name]
            assert any('consumer="chat"' in name for name in named)
            assert not any("chat:" in name for name in named)
            assert agent.terminate() == 0
    found = energy(agent)
    assert sum(found.values()) == true_uj
    # How much of it, the load of the machine decides.
    assert found[f"chat:{phase}" if phase else "chat"] > true_uj // 100


def test_what_cannot_be_run_is_one_line(own: Path) -> None:
    """A wrong code, no command, a command that is not there; a missing --sia is a usage error."""
    run = ("run", "--workload-group", own.name)
    lines = {
        ("--sia", "Chat!", "--", "true"): "sia: 'Chat!' is not a code; use 1 to 63 of a-z",
        ("--sia", "@system", "--", "true"): "sia: '@system' is not a code; use 1 to 63 of a-z",
        ("--sia", "chat"): "run: no command given; write: footprint-agent run --sia CODE -- CMD",
        ("--sia", "chat", "--"): "run: no command given; write: footprint-agent run",
        (
            "--sia",
            "chat",
            "--",
            "/no/such",
        ): "run: cannot start /no/such: No such file or directory",
        ("--sia", "chat", "--", "/dev/null"): "run: cannot start /dev/null: Permission denied",
    }
    for arguments, expected in lines.items():
        line = the_line(footprint_agent(*run, *arguments))
        assert line.startswith(f"footprint-agent: {expected}"), line
    usage = footprint_agent(*run, "--", "true")
    assert usage.returncode == 2
    assert "the following arguments are required: --sia" in usage.stderr


def test_a_run_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """Nobody would know whose energy it is, so the command is not run."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = footprint_agent(
        *("run", "--sia", "chat", "--cgroup-root", tmp_path, "--run-dir", blocked, "--"),
        *PYTHON,
        "print('ran')",
    )
    assert f"run: cannot declare the command in {blocked}: Not a directory" in the_line(result)
    assert result.stdout == ""
