"""What a host says of itself in its pages: its model, never what tells it from its twins."""

from pathlib import Path

import pytest

from exporters import host


def facts(folder: Path, **dmi: str) -> dict[str, str]:
    """The facts of a machine whose firmware says this."""
    place = folder / "sys/class/dmi/id"
    place.mkdir(parents=True)
    for name, text in dmi.items():
        (place / name).write_text(text)
    return host.facts(folder / "proc")


def test_a_machine_is_named_by_its_maker_and_product(tmp_path: Path) -> None:
    """And by no serial number, although the firmware has some."""
    secret = {"product_serial": "S3CR3T", "product_uuid": "S3CR3T", "board_serial": "S3CR3T"}
    found = facts(tmp_path, sys_vendor="Maker Inc.\n", product_name=" Server\t9000 \n", **secret)
    assert found["machine"] == "Maker Inc. Server 9000"
    assert "S3CR3T" not in str(found)


@pytest.mark.parametrize(
    ("maker", "product"),
    [
        ("Maker", "To Be Filled By O.E.M."),
        ("System manufacturer", "System Product Name"),
        ("Maker", "Default string"),
        ("Maker", "0000000"),
        ("", "Server 9000"),
    ],
)
def test_a_name_that_says_nothing_is_none(tmp_path: Path, maker: str, product: str) -> None:
    """Two machines without a name are not of one model."""
    assert "machine" not in facts(tmp_path, sys_vendor=maker, product_name=product)


def test_a_machine_without_firmware_tables_has_no_name(tmp_path: Path) -> None:
    """No file, no fact, no trouble."""
    assert "machine" not in host.facts(tmp_path / "proc")
