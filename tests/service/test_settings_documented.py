"""Every setting of the service is in SECURITY.md or in `--help`, with its true default."""

import re
import subprocess
import sys
from pathlib import Path

from footprint.service.settings import LIMITS, Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_limit_is_documented_with_its_default() -> None:
    """A limit without its row, or a row without its limit, fails here."""
    shown = dict(re.findall(r"^\| `(\w+)` \| `([\d.]+)` \|", TEXT, re.MULTILINE))
    assert shown == {name: str(getattr(Settings(), name)) for name in LIMITS}


def test_every_option_of_serve_is_documented() -> None:
    """In SECURITY.md, or, where it has nothing to do with security, in the README."""
    command = [sys.executable, "-m", "footprint.service.cli", "serve", "--help"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    options = set(re.findall(r"--[a-z][a-z-]+", done.stdout)) - {"--help"}
    assert len(options) > 8
    documented = TEXT + (ROOT / "README.md").read_text(encoding="utf-8")
    assert {option for option in options if option not in documented} == set()


def test_what_the_text_names_is_there() -> None:
    """Commands and metrics that it names exist."""
    help_of = [sys.executable, "-m", "footprint.service.cli", "access", "--help"]
    said = subprocess.run(help_of, check=True, capture_output=True, text=True).stdout
    named = set(re.findall(r"`footprint access (\w+)", TEXT))
    assert named
    assert {verb for verb in named if f" {verb} " not in said} == set()
    assert f"`{Settings().audit_days}`" in TEXT
