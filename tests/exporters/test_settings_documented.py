"""Every setting of the agent is in the README: an undocumented one does not pass."""

import re
from pathlib import Path

import msgspec

from exporters.settings import Bmc, Factor, Kubelet, Reservation, Settings, Workload

README = Path(__file__).parents[2] / "README.md"
HEADING = "## Settings of the agent"


def section() -> str:
    """The text under the heading, until the next one of its level."""
    _, found, rest = README.read_text(encoding="utf-8").partition(f"\n{HEADING}\n")
    assert found, f"README.md has no section {HEADING!r}"
    return rest.partition("\n## ")[0]


def test_every_setting_is_documented() -> None:
    """Each field of Settings stands in backticks in the README's table."""
    named = set(re.findall(r"`([a-z_]+)`", section()))
    fields = {field.encode_name for field in msgspec.structs.fields(Settings)}
    assert fields <= named, f"undocumented: {sorted(fields - named)}"


def test_every_part_of_a_rule_is_documented() -> None:
    """Each field of the tables inside the settings is named too, in backticks or in an example."""
    words = set(re.findall(r"[a-z_]+", section()))
    for table in (Workload, Reservation, Factor, Bmc, Kubelet):
        fields = {field.encode_name for field in msgspec.structs.fields(table)}
        assert fields <= words, f"undocumented in {table.__name__}: {sorted(fields - words)}"


def test_the_defaults_shown_are_the_defaults() -> None:
    """A row that shows a default in backticks shows the true one."""
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| `([^`]*)` ", section(), re.MULTILINE)
    shown = {
        name: default.strip('"')
        for names, default in rows
        for name in re.findall(r"`([a-z_]+)`", names)
    }
    defaults = {name: str(getattr(Settings(), name)) for name in shown if hasattr(Settings(), name)}
    assert len(shown) >= 6
    differing = {name for name in shown if defaults[name] not in (shown[name], "None")}
    assert not differing
