"""`footprint-agent run --sia CODE -- COMMAND`: a command that says whose it is.

The command is put in a control group of its own, `<root>/<workload_group>/<CODE>/<pid>`, and takes
this process's place (exec): signals, exit code and terminal are its own. Where groups cannot be
made, it is declared in the run folder instead, and the agent follows its processes.
"""

import os
import sys
from pathlib import Path

from exporters.errors import AgentError
from exporters.workloads import processes
from exporters.workloads.tree import find_tree, is_tree


def enter_group(root: Path, workload_group: str, sia: str) -> Path:
    """Put this process in a group of its own below the SIA's. Raises OSError."""
    if not is_tree(root):  # else plain folders would be made there
        raise FileNotFoundError(f"{root} is no cgroup v2 tree, and not v1's of cpuacct")
    group = root / workload_group / sia / str(os.getpid())
    group.mkdir(parents=True, exist_ok=True)
    (group / "cgroup.procs").write_text(str(os.getpid()))
    return group


def run(sia: str, command: list[str], root: Path | None, workload_group: str, run_dir: Path) -> int:
    """Declare and become `command`; returns only where it could not be started."""
    try:
        if root is None:
            raise FileNotFoundError("no tree of control groups is mounted")
        enter_group(root, workload_group, sia)
    except OSError as error:
        _declare(run_dir, sia)
        print(  # noqa: T201 - a line for the user
            f"footprint-agent run: no control group can be made ({error}); an agent that runs with "
            f"--run-dir {run_dir} follows the command's processes instead",
            file=sys.stderr,
        )
    try:
        os.execvp(command[0], command)  # noqa: S606 - the user's own command is the point
    except OSError as error:
        raise AgentError(f"run: cannot start {command[0]}: {error.strerror}") from error


def _declare(run_dir: Path, sia: str) -> None:
    try:
        processes.declare(run_dir, sia, os.getpid())
    except OSError as error:
        raise AgentError(
            f"run: cannot declare the command in {run_dir}: {error.strerror}; "
            "give --run-dir a folder that the agent reads too"
        ) from error


def default_root(configured: str | None) -> Path | None:
    """The configured root, else the mounted one: v2, or `cpuacct` of v1."""
    return Path(configured) if configured else find_tree()
