"""The README tells every setting and metric of the reader, and its example is one that works."""

import re
import tomllib
from pathlib import Path

import msgspec

from exporters.gateway.mapping import Rule
from exporters.gateway.settings import Gateway, GatewayKind, Model, Server, ServerKind, Settings
from exporters.gateway.settings import parse as parse_settings

README = Path(__file__).parents[2] / "README.md"
HEADING = "### The reader of a gateway"


def section() -> str:
    """The text under the heading, until the next one."""
    _, found, rest = README.read_text(encoding="utf-8").partition(f"\n{HEADING}\n")
    assert found, f"README.md has no section {HEADING!r}"
    return re.split(r"\n##+ ", rest)[0]


def test_every_setting_is_documented_with_its_default() -> None:
    """A row of the table each."""
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| `?([^|`]*?)`? \|", section(), re.MULTILINE))
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    assert rows.keys() == fields.keys()
    for name, shown in rows.items():
        default = fields[name].default
        known = "none" if default in (msgspec.NODEFAULT, None, []) else str(default)
        assert shown == known, name


def test_every_part_of_a_table_and_every_kind_is_documented() -> None:
    """In the example or the text."""
    words = set(re.findall(r"[a-z_]+", section()))
    for table in (Gateway, Server, Model, Rule):
        assert {field.name for field in msgspec.structs.fields(table)} <= words
    assert {*GatewayKind.__args__, *ServerKind.__args__} <= words


def test_the_example_is_one_that_the_reader_takes() -> None:
    """Whole, as it stands there."""
    example = re.search(r"```\n# /etc/footprint/gateway\.toml\n(.*?)```", section(), re.DOTALL)
    assert example
    found = parse_settings(tomllib.loads(example[1]), README)
    assert [rule.sia for rule in found.gateways[0].rules] == [None, "chat", "tri"]
    assert found.servers[0].server == "albert-large"
