"""Platform end to end: facts of pages and imports beside components, in no other figure."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from footprint.interval import from_us, to_us
from footprint.ledger import GapRecord, NodeFact, Page
from footprint.service import cli_pdu, rack_file, store_nodes
from footprint.service.store import open_store
from tests.pages import CONSUMERS, START, chain, make_page
from tests.pdu_exports import rows, write
from tests.service.house import House

QUARTER = timedelta(minutes=15)
PAGE_UJ = sum(CONSUMERS.values())
WH_UJ = 3_600_000_000


def bmc(page: Page, energy_uj: int, **changes: object) -> Page:
    """The page with its host's BMC over the page's time."""
    fact = NodeFact(
        meter="bmc",
        host_ids=[page.host_id],
        start=page.start,
        end=page.end,
        energy_uj=energy_uj,
        quality="counter",
    )
    return msgspec.structs.replace(page, nodes=[msgspec.structs.replace(fact, **changes)])


def ledger_of(host: str, number: int) -> str:
    """Another ledger for each host."""
    return f"00000000-0000-4000-8000-0000000{number:05d}{len(host):05d}"[:36]


def platform(house: House, **query: str) -> dict:
    """The section of November's statement."""
    answer = house.client.get("/v1/statements/2026-11", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["platform"]


def import_rack(house: House, folder: Path, at: datetime, energies_wh: list[float]) -> None:
    """A rack of one feed that powers host-1 and host-2, known at `at`."""
    (folder / "hosts.yaml").write_text(
        "racks: [{code: r12, feeds: [r12-a], powers: [{hosts: [host-1, host-2]}]}]"
    )
    export = write(folder / "r12-a.csv", rows(START, energies_wh))
    [rack] = rack_file.read(folder / "hosts.yaml").racks
    found = cli_pdu.read_rack(rack, {"r12-a": [export]}, at)
    store = open_store(house.database, create=False, migrate=False, now=at)
    with store.write() as connection:
        store_nodes.add(connection, found.facts, to_us(at))
    store.close()


def test_a_bmc_in_pages_gives_the_platform_of_its_host(house: House) -> None:
    """Node less components over whole quarter-hours; no other figure changes."""
    plain = [make_page(start=START + n * QUARTER) for n in range(4)]
    house.post(chain(bmc(page, 3 * PAGE_UJ) for page in plain))
    found = platform(house)
    assert found["boundary"] == "wall"
    assert found["energy_uj"] == 8 * PAGE_UJ
    [meter] = found["meters"]
    assert (meter["meter"], meter["hosts"]) == ("host-1/bmc", ["host-1"])
    assert (meter["node_uj"], meter["components_uj"]) == (12 * PAGE_UJ, 4 * PAGE_UJ)
    assert (meter["residue_uj"], meter["common_us"]) == (0, 3_600_000_000)
    assert found["anomalies"] == found["unmetered_hosts"] == []
    whole = house.get("/v1/statements/2026-11").json()
    assert whole["total"]["energy_uj"] == 4 * PAGE_UJ
    assert whole["total"]["boundary_uj"] == {"components": 4 * PAGE_UJ}


def test_a_gap_of_a_component_is_residue(house: House) -> None:
    """A third of the page is unknown: two thirds are compared, the meter's rest is carried."""
    gap = GapRecord(
        kind="gap",
        component="cpu",
        device="package-0",
        start=START,
        end=START + QUARTER / 3,
        cause="outage",
    )
    house.post(chain([bmc(make_page(gaps=[gap]), 3 * PAGE_UJ)]))
    found = platform(house)
    assert (found["node_uj"], found["residue_uj"]) == (2 * PAGE_UJ, PAGE_UJ)
    assert found["components_uj"] == PAGE_UJ
    assert found["common_us"] == 600_000_000


def test_a_rack_needs_every_host_and_says_what_it_could_not_compare(
    house: House, tmp_path: Path
) -> None:
    """While one host of the rack is silent, its energy is residue, not platform."""
    house.post(chain(make_page(start=START + n * QUARTER) for n in range(2)))
    second = [make_page(host_id="host-2", ledger_id=ledger_of("host-2", 2))]
    house.post(chain(second))
    import_rack(house, tmp_path, house.now, [0, 1, 2, 3, 4, 5, 6])
    found = platform(house)
    assert found["node_uj"] == 3 * WH_UJ
    assert found["components_uj"] == 2 * PAGE_UJ
    assert found["residue_uj"] == 3 * WH_UJ
    assert found["meters"][0]["node_quality_uj"] == {"counter": 3 * WH_UJ}


def test_a_host_counts_by_one_meter(house: House, tmp_path: Path) -> None:
    """Its BMC and its rack: the closer meter counts, the other is set aside, nothing twice."""
    house.post(chain([bmc(make_page(), 3 * PAGE_UJ)]))
    second = make_page(host_id="host-2", ledger_id=ledger_of("host-2", 2))
    house.post(chain([second]))
    import_rack(house, tmp_path, house.now, [0, 1, 2, 3])
    found = platform(house)
    assert [(m["meter"], m["node_uj"], m["set_aside_uj"]) for m in found["meters"]] == [
        ("host-1/bmc", 3 * PAGE_UJ, 0),
        ("pdu:r12", 0, 3 * WH_UJ),
    ]
    assert found["energy_uj"] == 2 * PAGE_UJ


def test_a_late_import_does_not_change_what_was_known(house: House, tmp_path: Path) -> None:
    """Node meters may come late; a statement as of before has none."""
    for number, host in enumerate(("host-1", "host-2")):
        house.post(chain([make_page(host_id=host, ledger_id=ledger_of(host, number))]))
    import_rack(house, tmp_path, house.now + timedelta(minutes=1), [0, 1, 2, 3])
    before = platform(house)
    assert before["meters"] == []
    assert before["unmetered_hosts"] == ["host-1", "host-2"]
    house.now += timedelta(hours=1)
    assert platform(house)["node_uj"] == 3 * WH_UJ
    import_rack(house, tmp_path, house.now, [0, 1, 2, 4])
    assert platform(house)["node_uj"] == 4 * WH_UJ


def test_a_negative_day_names_both_meters(house: House) -> None:
    """In JSON, CSV and in French words; a negative quarter-hour alone is none."""
    low, high = make_page(), make_page(start=START + QUARTER)
    house.post(chain([bmc(low, PAGE_UJ // 2), bmc(high, 2 * PAGE_UJ)]))
    assert platform(house)["anomalies"] == []
    next_day = START + timedelta(days=1)
    pages = [bmc(low, PAGE_UJ // 2), bmc(high, 2 * PAGE_UJ), bmc(make_page(start=next_day), 10)]
    house.now += timedelta(days=1)
    house.post(chain(pages))
    [found] = platform(house)["anomalies"]
    assert (found["day"], found["meter"], found["sensors"]) == (
        "2026-11-11",
        "host-1/bmc",
        ["host-1/rapl"],
    )
    assert found["platform_uj"] == 10 - PAGE_UJ
    text = house.get("/v1/statements/2026-11?format=csv").text
    table = [row for row in csv.reader(io.StringIO(text), delimiter=";") if row[0][:4] == "# pl"]
    assert table == [
        ["# platform", "host-1/bmc", "host-1", "wall"]
        + [str(n) for n in (10 + PAGE_UJ // 2 - PAGE_UJ, 10 + PAGE_UJ // 2 + 2 * PAGE_UJ)]
        + [str(n) for n in (3 * PAGE_UJ, 0, 2_700_000_000)],
        ["# platform_anomaly", "2026-11-11", "host-1/bmc", "host-1/rapl", str(10 - PAGE_UJ)],
    ]
    page = house.get("/v1/statements/2026-11?format=html&lang=fr").text
    assert "le compteur host-1/bmc indique moins que les composants de ses machines" in page


def test_a_project_has_no_platform_yet(house: House) -> None:
    """It is not allocated: neither zero nor the whole."""
    house.post(chain([bmc(make_page(), 3 * PAGE_UJ)]))
    assert platform(house, sia="chat-demo") is None


@pytest.mark.parametrize("days", [-1, 2, 40_000])
def test_a_fact_that_is_no_meters_counts_for_nothing(house: House, days: int) -> None:
    """A fact of two days or of a century does not stop the statement, and counts for nothing."""
    page = make_page()
    end = page.start + timedelta(days=days)
    house.post(chain([bmc(page, 1, start=min(page.start, end), end=max(page.start, end))]))
    assert platform(house)["node_uj"] == 0


def test_overlapping_facts_of_a_meter_are_left_out_and_counted(house: House) -> None:
    """The earlier one holds."""
    page = make_page()
    facts = bmc(page, 5, end=from_us(to_us(page.end))).nodes
    again = bmc(page, 7, start=page.start + QUARTER / 2).nodes
    house.post(chain([msgspec.structs.replace(page, nodes=[*facts, *again])]))
    found = platform(house)
    assert (found["node_uj"], found["overlapping"]) == (5, 1)


def test_the_day_of_an_anomaly_is_that_of_paris(house: House) -> None:
    """23:30 UTC on 9 November is the tenth in Paris."""
    late = datetime(2026, 11, 9, 23, 30, tzinfo=UTC)
    house.post(chain([bmc(make_page(start=late), 1)]))
    assert [one["day"] for one in platform(house)["anomalies"]] == ["2026-11-10"]
