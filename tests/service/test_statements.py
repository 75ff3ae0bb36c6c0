"""A month's figures: the same in every format, exact, each with its evidence."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from footprint import json_text
from footprint.interval import paris_month
from footprint.ledger import GapRecord
from footprint.units import micrograms
from tests.pages import CONSUMERS, START, chain, make_ledger, make_page
from tests.service.house import House

QUARTER = timedelta(minutes=15)
FACTOR_2025 = Decimal("46.1")
PUE = Decimal("1.5")
"""Assumed: these hosts stand at no site."""
OTHER_LEDGER = "00000000-0000-4000-8000-000000000002"
THIRD_LEDGER = "00000000-0000-4000-8000-000000000003"


def statement(house: House, month: str = "2026-11", **query: str) -> dict:
    answer = house.client.get(f"/v1/statements/{month}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]


def register(house: House) -> None:
    """Two projects; `tri-courrier` is shared, from 10 November on at other parts than before."""
    house.put("/v1/directorates/dgfip", {"name": "DGFiP"})
    for code in ("accueil", "courrier"):
        house.put(f"/v1/projects/{code}", {"name": code.title(), "directorate": "dgfip"})
    whole = [{"project": "accueil", "permille": 1000}]
    house.put("/v1/sia/chat-demo", {"name": "Assistant", "shares": whole})
    shares = [
        {"project": "accueil", "permille": 333, "to": "2026-11-10"},
        {"project": "courrier", "permille": 667, "to": "2026-11-10"},
        {"project": "accueil", "permille": 1, "from": "2026-11-10"},
        {"project": "courrier", "permille": 999, "from": "2026-11-10"},
    ]
    answer = house.put("/v1/sia/tri-courrier", {"name": "Tri", "shares": shares})
    assert answer.status_code == 200, answer.text


def test_a_parameter_that_is_not_known_is_refused(house: House) -> None:
    """Whoever asks as of an instant is not given today's figures for it."""
    for query in ("as_of=2026-11-01T00:00:00Z", "bogus=1", "format=json&Project=x"):
        answer = house.get(f"/v1/statements/2026-11?{query}")
        assert answer.status_code == 400, query
        assert "no parameter of" in answer.json()["detail"]
    assert house.get("/v1/hosts?x").status_code == 400


def test_the_total_is_what_the_pages_say(house: House) -> None:
    """Energy, emissions and kWh follow from the entries by exact arithmetic."""
    house.post(make_ledger(4))
    found = statement(house)
    assert found["total"]["energy_uj"] == 4 * sum(CONSUMERS.values())
    by_consumer = {total["consumer"]: total["figure"] for total in found["consumers"]}
    for consumer, energy_uj in CONSUMERS.items():
        figure = by_consumer[consumer]
        assert figure["energy_uj"] == 4 * energy_uj
        assert figure["emissions_ug"] == micrograms(4 * energy_uj, FACTOR_2025 * PUE)
    assert found["total"]["emissions_ug"] == sum(
        figure["emissions_ug"] for figure in by_consumer.values()
    )
    assert found["closed"] is False


def test_each_sum_is_the_sum_of_its_lines(house: House) -> None:
    """Totals by consumer and component, qualities and boundaries add up under ==."""
    house.post(make_ledger(3))
    house.post(
        make_ledger(
            3,
            host_id="host-2",
            ledger_id=OTHER_LEDGER,
            component="gpu",
            device="GPU-1",
            quality="integrated",
            consumers={"chat-demo": 123_456_789, "@idle": 7},
        )
    )
    found = statement(house)
    lines = [line["figure"] for line in found["lines"]]
    for groups in (found["consumers"], found["components"], [{"figure": found["total"]}]):
        figures = [group["figure"] for group in groups]
        for field in ("energy_uj", "emissions_ug"):
            assert sum(f[field] for f in figures) == sum(line[field] for line in lines)
    for figure in [*lines, found["total"]]:
        assert sum(figure["quality_uj"].values()) == figure["energy_uj"]
        assert sum(figure["boundary_uj"].values()) == figure["energy_uj"]
    assert found["hosts"] == [
        {
            "host_id": "host-1",
            "boundary": "components",
            "present": {"cpu": ["counter"]},
            "absent": ["dram", "gpu"],
        },
        {
            "host_id": "host-2",
            "boundary": "components",
            "present": {"gpu": ["integrated"]},
            "absent": ["cpu", "dram"],
        },
    ]


def test_what_is_no_sia_stands_apart(house: House) -> None:
    """Idle, system, agent and the rest have their own kind; a SIA nobody registered says so."""
    register(house)
    codes = ["chat-demo", "ghost", "@system", "@agent", "@idle", "@unregistered", "@unattributed"]
    house.post(make_ledger(1, consumers=dict.fromkeys(codes, 5)))
    found = {
        total["consumer"]: (total["kind"], total["name"], total["registered"])
        for total in statement(house)["consumers"]
    }
    assert found == {
        "chat-demo": ("sia", "Assistant", True),
        "ghost": ("sia", None, False),
    } | {code: (code[1:], None, True) for code in codes[2:]}


def test_json_csv_html_and_api_give_the_same_figures(house: House) -> None:
    """Every figure of the CSV and of the HTML is the integer at its place in the JSON."""
    house.post(make_ledger(2))
    found = statement(house)
    answer = house.get("/v1/statements/2026-11?format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.text), delimiter=";"))
    head = next(n for n, row in enumerate(rows) if row[0] == "consumer")
    table = [dict(zip(rows[head], row, strict=True)) for row in rows[head + 1 :]]
    assert [row["consumer"] for row in table] == ["'@system", "chat-demo", "tri-courrier"]
    for row, line in zip(table, found["lines"], strict=True):
        figure = line["figure"]
        assert row["consumer"].removeprefix("'") == line["consumer"]
        assert (row["component"], row["part"]) == (line["component"], line["part"])
        assert (int(row["energy_uj"]), row["energy_kwh"]) == (
            figure["energy_uj"],
            figure["energy_kwh"],
        )
        assert (int(row["emissions_ug"]), row["emissions_g"]) == (
            figure["emissions_ug"],
            figure["emissions_g"],
        )
        assert (int(row["counter_uj"]), row["coverage"]) == (
            figure["quality_uj"]["counter"],
            figure["coverage"],
        )
    total = next(row for row in rows if row[0] == "# total")
    assert (int(total[3]), int(total[5])) == (
        found["total"]["energy_uj"],
        found["total"]["emissions_ug"],
    )
    html = house.get("/v1/statements/2026-11?format=html&lang=en")
    assert html.headers["content-language"] == "en"
    data = re.findall(r'<data value="([^"]*)" data-pointer="([^"]*)"', html.text)
    assert {pointer for _, pointer in data} >= {"/total/energy_uj", "/total/emissions_ug"}
    for value, pointer in data:
        assert value == str(_at(found, pointer)), pointer


def _at(document, pointer: str):
    for step in pointer.split("/")[1:]:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def test_a_text_that_looks_like_a_formula_stays_a_text(house: House) -> None:
    """No cell of the CSV begins as a formula does."""
    house.post(make_ledger(1))
    house.put("/v1/sia/chat-demo", {"name": "=HYPERLINK(1)"})
    text = house.get("/v1/statements/2026-11?format=csv&sia=chat-demo").text
    assert "'=HYPERLINK(1)" in text
    cells = [cell for row in csv.reader(io.StringIO(text), delimiter=";") for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]


def test_projects_add_up_to_their_sia(house: House) -> None:
    """Over shares that change on 10 November at midnight in Paris, no microjoule and no microgram
    is lost between projects."""
    register(house)
    night = datetime(2026, 11, 9, 22, 0, tzinfo=UTC)
    house.post(make_ledger(8, start=night, consumers={"chat-demo": 7, "tri-courrier": 1_000_003}))
    parts = [statement(house, project=code) for code in ("accueil", "courrier")]
    whole = {total["consumer"]: total["figure"] for total in statement(house)["consumers"]}
    for sia in ("chat-demo", "tri-courrier"):
        found = [
            total["figure"]
            for part in parts
            for total in part["consumers"]
            if total["consumer"] == sia
        ]
        for field in ("energy_uj", "emissions_ug"):
            assert sum(figure[field] for figure in found) == whole[sia][field]
    before = 4 * 1_000_003
    courrier = parts[1]["consumers"][0]["figure"]["energy_uj"]
    assert abs(courrier - (before * 667 + before * 999) // 1000) <= 1
    assert parts[0]["scope"] == {"kind": "project", "code": "accueil", "name": "Accueil"}


def test_a_sia_alone(house: House) -> None:
    """Its statement holds its lines and no one else's, registered or not."""
    house.post(make_ledger(2))
    found = statement(house, sia="chat-demo")
    assert [total["consumer"] for total in found["consumers"]] == ["chat-demo"]
    assert found["total"]["energy_uj"] == 2 * CONSUMERS["chat-demo"]


def test_the_newest_factor_applies_provisionally(house: House) -> None:
    """2026 has no factor yet: that of 2025 applies and every figure says so."""
    house.post(make_ledger(1))
    found = statement(house)
    assert [(use["value"], use["provisional"]) for use in found["factors"]] == [("46.1", True)]
    assert found["total"]["provisional"] is True
    assert found["total"]["factors"] == [found["factors"][0]["id"]]
    assert {use["basis"][:27] for use in found["factors"]} == {"life-cycle, consumption mix"}


@pytest.mark.parametrize(
    ("start", "month", "value", "provisional"),
    [
        ("2025-12-31T22:45", "2025-12", "46.1", False),  # 23:45 in Paris
        ("2025-12-31T23:00", "2026-01", "46.1", True),  # midnight in Paris
        ("2024-12-31T22:45", "2024-12", "51.9", False),
        ("2024-12-31T23:00", "2025-01", "46.1", False),
        ("2026-03-31T21:45", "2026-03", "46.1", True),  # summer time
        ("2026-03-31T22:00", "2026-04", "46.1", True),
    ],
)
def test_a_page_belongs_to_the_month_and_year_of_paris(
    house: House, start: str, month: str, value: str, provisional: bool
) -> None:
    """The last hours of a UTC month are of the next month in Paris, with that year's factor."""
    house.post(make_ledger(1, start=datetime.fromisoformat(start).replace(tzinfo=UTC)))
    found = statement(house, month)
    assert found["total"]["energy_uj"] == sum(CONSUMERS.values())
    assert [(use["value"], use["provisional"]) for use in found["factors"]] == [
        (value, provisional)
    ]


@pytest.mark.parametrize(
    ("month", "quarters"), [("2026-03", 2972), ("2026-10", 2980), ("2026-04", 2880)]
)
def test_months_in_which_the_clock_changes_are_counted_whole(
    house: House, month: str, quarters: int
) -> None:
    """A month fully paged has coverage 1.0000, an hour short or long as it may be."""
    interval = paris_month(month)
    ends = [interval.start, interval.end - 3 * QUARTER]
    pages = [make_page(start=start + QUARTER * n) for start in ends for n in (0, 1, 2)]
    house.now = interval.end + timedelta(days=1)
    house.post(chain(pages))
    cover = statement(house, month)["components"][0]["coverage"]
    assert cover == {
        "covered_us": 6 * 900_000_000,
        "expected_us": quarters * 900_000_000,
        "weighted": False,
    }


def test_coverage_counts_gaps_and_missing_pages(house: House) -> None:
    """Expected less covered time is the time of the gaps that the statement lists."""
    gap = GapRecord(
        kind="gap",
        component="cpu",
        device="package-0",
        start=START + timedelta(minutes=16),
        end=START + timedelta(minutes=18),
        cause="read_failed",
    )
    blind = GapRecord(
        kind="blind",
        component="cpu",
        device="package-0",
        start=START + timedelta(minutes=20),
        end=START + timedelta(minutes=21),
        cause="outage",
    )
    pages = [
        make_page(),
        make_page(start=START + QUARTER, gaps=[gap, blind]),
        make_page(start=START + 3 * QUARTER),
    ]
    house.now = START + 5 * QUARTER + timedelta(minutes=1)
    house.post(chain(pages))
    found = statement(house)
    minute_us = 60_000_000
    assert found["components"][0]["coverage"] == {
        "covered_us": (3 * 15 - 2) * minute_us,
        "expected_us": 5 * 15 * minute_us,
        "weighted": False,
    }
    assert found["total"]["coverage"] == "0.5733"
    assert found["gaps"] == [
        {"kind": "blind", "component": "cpu", "cause": "outage", "duration_us": minute_us},
        {"kind": "gap", "component": "cpu", "cause": "no_page", "duration_us": 30 * minute_us},
        {"kind": "gap", "component": "cpu", "cause": "read_failed", "duration_us": 2 * minute_us},
    ]


def test_a_page_that_came_early_is_expected_too(house: House) -> None:
    """Short pages within the current quarter-hour do not make coverage exceed one."""
    house.post(make_ledger(3, start=house.now, seconds=5))
    house.now += timedelta(seconds=20)
    assert statement(house)["total"]["coverage"] == "1.0000"


def test_a_device_that_only_had_gaps_is_expected(house: House) -> None:
    """A sensor that never could be read lowers coverage from its first gap on."""
    gap = GapRecord(
        kind="gap",
        component="dram",
        device="dram-0",
        start=START,
        end=START + QUARTER,
        cause="permission",
    )
    house.now = START + QUARTER
    house.post(chain([make_page(gaps=[gap])]))
    by_component = {item["component"]: item for item in statement(house)["components"]}
    assert by_component["dram"]["coverage"]["covered_us"] == 0
    assert by_component["dram"]["coverage"]["expected_us"] == 900_000_000
    assert statement(house)["gaps"][0]["cause"] == "permission"


def test_a_statement_can_be_had_as_of_a_past_instant(house: House) -> None:
    """Pages, names and factors that came later are left out of it."""
    from footprint.service import reports, subjects

    register(house)
    pages = make_ledger(4)
    house.post(pages[:2])
    as_of = house.now
    first = statement(house)
    house.now += timedelta(days=1)
    house.post(pages[2:])
    house.put("/v1/sia/chat-demo", {"name": "Renamed"})
    with house.app.state.footprint.store.read() as connection:
        again = reports.statement(connection, subjects.Asked("2026-11"), "FR", as_of, rolled=False)
    assert json.loads(json_text.encode(again)) == first
    assert statement(house)["total"]["energy_uj"] == 2 * first["total"]["energy_uj"]


def test_sums_beyond_64_bits_of_microjoules_are_exact(house: House) -> None:
    """More than 2.5 GWh in a month is summed without overflow."""
    most = 2**53 - 1
    house.post(make_ledger(2, consumers={"chat-demo": most - 5, "tri-courrier": 5}))
    house.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999) "
        "INSERT INTO entry SELECT host_id, start_us, ledger_id, seq, 1000 + i, component, device, "
        "consumer, part, energy_uj, quality FROM entry, n WHERE seq = 0 AND ordinal = 0"
    )
    found = statement(house, sia="chat-demo")
    assert found["total"]["energy_uj"] == 2002 * (most - 5)


def test_what_cannot_be_stated_is_said(house: House) -> None:
    """A wrong month, project or SIA names itself and what would be right."""
    assert problem(house.get("/v1/statements/2026-1")) == (
        400,
        "month: '2026-1' is not a month; write YYYY-MM, such as 2026-11",
    )
    status, detail = problem(house.get("/v1/statements/2026-11?project=nope"))
    assert (status, "'nope' is not registered" in detail) == (404, True)
    status, detail = problem(house.get("/v1/statements/2026-11?sia=a&project=b"))
    assert (status, "not both" in detail) == (400, True)


def test_a_zone_without_a_factor_names_what_to_import(tmp_path) -> None:
    """Energy is shown; greenhouse gases are not, in any format, and the zone is named."""
    now = datetime(2026, 11, 10, 12, tzinfo=UTC)
    with House(tmp_path / "f.db", now, zone="DE") as house:
        house.post(make_ledger(1))
        paths = ("/v1/statements/2026-11", "/v1/overview", "/v1/months/2026-11")
        for found in (house.get(path).json() for path in paths):
            assert found["zones_without_factor"] == ["DE"]
            assert found["factors"] == []
            assert found["total"]["energy_uj"] == sum(CONSUMERS.values())
            assert found["total"]["emissions_ug"] is None
        csv = house.get("/v1/statements/2026-11?format=csv").text
        pages = [house.get(path).text for path in ("/", "/v1/statements/2026-11?format=html")]
        metrics = house.get("/metrics").text
    assert "# no_factor;DE" in csv
    for page in pages:
        assert "footprint import factors FILE.csv" in page
        assert "Allemagne" in page
    assert "footprint_month_energy_joules{" in metrics
    assert "footprint_month_emissions_grams{" not in metrics
