"""What a test needs of the machine: an external program, or a place to make cgroups.

Out: a path, or a skip with its reason. A missing program fails where the environment says CI=true,
because .ci/run installs it: there a skip would hide a test that never runs. The words that begin a
reason tell tests/conftest.py which skips tests/skipped-without-tools.txt has to list.
"""

import os
import shutil
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

TOOL_REASON = "needs the program "
CAPABILITY_REASON = "needs a machine where "


def require_tool(name: str) -> str:
    """The path of the program `name`; skips the test where it is not on the PATH (fails in CI)."""
    path = shutil.which(name)
    if path is not None:
        return path
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not on the PATH; .ci/run has to install it", pytrace=False)
    pytest.skip(f"{TOOL_REASON}{name!r}, which is not on the PATH")


def require_root_cgroups() -> Path:
    """The cgroup v2 mount point, after making and removing a group there; skips where it cannot."""
    mount = _cgroup2_mount()
    if mount is None:
        pytest.skip(f"{CAPABILITY_REASON}cgroup v2 is mounted")
    group = mount / f"footprint-test-{uuid4().hex}"
    try:
        group.mkdir()
        group.rmdir()
    except OSError as error:
        pytest.skip(f"{CAPABILITY_REASON}groups can be made under {mount}: {error.strerror}")
    return mount


def require_namespaces(*kinds: str) -> None:
    """Skips where `unshare` may not make these namespaces, such as `--mount`."""
    command = [require_tool("unshare"), *kinds, require_tool("true")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        pytest.skip(f"{CAPABILITY_REASON}namespaces can be made: {answer.stderr.strip()}")


def _cgroup2_mount() -> Path | None:
    """The first cgroup2 mount of this process (proc_pid_mountinfo(5): fields 5 and after " - ")."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, filesystem = line.partition(" - ")
        if filesystem.split(" ")[0] == "cgroup2":
            return Path(mount.split(" ")[4])
    return None
