"""The agent run as somebody without rights, and folders that such a program may enter.

Root's rights hide every permission error; a process of another user meets them.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import BIN
from tests.tools import CAPABILITY_REASON

AS_NOBODY = """
import os, sys, encodings.ascii, encodings.idna, encodings.latin_1
from exporters.cli import main
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
sys.exit(main(sys.argv[1:]))
"""
"""Everything is loaded before the rights go: an interpreter below /root is closed to others."""


def require_root() -> None:
    """Skips where this process cannot become another user."""
    if os.geteuid() != 0:
        pytest.skip(f"{CAPABILITY_REASON}tests run as root")


@contextlib.contextmanager
def shared_folder() -> Iterator[Path]:
    """A new folder that everybody may enter and write; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="footprint-test-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def footprint_agent(
    *arguments: object, nobody: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `footprint-agent` until it ends, `nobody`: without any right."""
    if nobody:
        require_root()
    program = [sys.executable, "-c", AS_NOBODY] if nobody else [str(BIN / "footprint-agent")]
    return subprocess.run(
        [*program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def the_line(result: subprocess.CompletedProcess[str], code: int = 1) -> str:
    """The one line on stderr of a command that could not do its work."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    (line,) = result.stderr.splitlines()
    return line
