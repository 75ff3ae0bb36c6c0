"""`footprint fsck` as an operator calls it."""

import subprocess

from tests.running import BIN


def fsck(place: str) -> None:
    """It finds nothing wrong; AssertionError with its words where it does."""
    command = [str(BIN / "footprint"), "fsck", "--database", place]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
