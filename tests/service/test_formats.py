"""What a statement's formats say beyond its figures, and how they write decimals."""

import csv
import io
from datetime import timedelta

from footprint.ledger import GapRecord
from tests.pages import START, chain, make_ledger, make_page
from tests.service.house import House


def test_csv_says_what_is_unknown_and_not_registered(house: House) -> None:
    """Gaps, components that nobody measures, SIA in no register: the same as in JSON."""
    gap = GapRecord(
        kind="gap",
        component="cpu",
        device="package-0",
        start=START,
        end=START + timedelta(minutes=5),
        cause="stuck",
    )
    house.post(chain([make_page(gaps=[gap])]))
    text = house.get("/v1/statements/2026-11?format=csv").text
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    found = house.get("/v1/statements/2026-11").json()
    assert [row[1:] for row in rows if row[0] == "# gap"] == [
        [one["kind"], one["component"], one["cause"], str(one["duration_us"])]
        for one in found["gaps"]
    ]
    assert ["# gap", "gap", "cpu", "stuck", "300000000"] in rows
    assert ["# absent", "host-1", "dram gpu"] in rows
    assert [row[1] for row in rows if row[0] == "# not_registered"] == [
        "chat-demo",
        "tri-courrier",
    ]


def test_small_decimals_are_written_out(house: House) -> None:
    """Neither figures nor factors have an exponent."""
    house.post(make_ledger(1, consumers={"chat-demo": 310_000}))
    assert house.get("/v1/statements/2026-11").json()["total"]["energy_kwh"] == "0.000000086"
    items = house.get("/v1/factors").json()["items"]
    values = {(item["indicator"], item["subject"]): item["value"] for item in items}
    assert values["adpe", "electricity"] == "0.00000004858"
