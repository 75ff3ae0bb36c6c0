"""METHOD.md computed again: every golden table of the document is what the code does."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

import footprint
from exporters.clock import Boot
from exporters.cputime import HostCpu
from exporters.sensors.integral import Integral
from exporters.sensors.model import LoadModel
from exporters.sensors.processors import Processor
from exporters.twin.controller import MEAN_S
from exporters.twin.wallreferee import LATE_S, power_bound_uj
from footprint import nodes, pdu, platform_model
from footprint.attribution import attribute, divide
from footprint.codes import RESERVED
from footprint.factors import Factor, headline
from footprint.interval import (
    Interval,
    boundary_after,
    month_of,
    paris_month,
    quarter_hours,
    to_us,
)
from footprint.platform_model import HostDay
from footprint.reading import Counter, Gap, PowerSample, consumed
from footprint.statement import Coverage
from footprint.units import (
    NS_PER_S,
    Energy,
    micrograms,
    uj_from_counts,
    uj_from_power,
    uj_from_watt_hours,
    uw_from_watts,
)

METHOD = Path(footprint.__file__).with_name("METHOD.md").read_text(encoding="utf-8")
Row = dict[str, str]
HOUR_US = 3_600_000_000


def golden(name: str) -> list[Row]:
    """The rows of the table marked `name`, by its column headings."""
    _, mark, rest = METHOD.partition(f"<!-- golden: {name} -->\n")
    assert mark, f"METHOD.md has no golden table {name}"
    lines = rest.split("\n\n")[0].strip().split("\n")
    header, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(header, cells, strict=True)) for cells in body]


def number(text: str) -> int:
    """An integer written with commas."""
    return int(text.replace(",", ""))


def weights(rows: list[Row], column: str) -> dict[str, int]:
    """A column of integers by consumer, sums and zeros left out."""
    named = {row["consumer"]: number(row[column]) for row in rows if row["consumer"] != "sum"}
    return {consumer: value for consumer, value in named.items() if value}


def summed(rows: list[Row]) -> Iterator[tuple[int, int]]:
    """Each numeric column's printed sum beside the sum of its rows."""
    for column in rows[0]:
        if column != "consumer":
            *parts, total = (number(row[column]) for row in rows)
            yield total, sum(parts)


def test_every_golden_table_is_computed_again() -> None:
    """A table cannot be marked golden without a test that reads it."""
    named = set(re.findall(r"<!-- golden: (\S+) -->", METHOD))
    source = Path(__file__).read_text(encoding="utf-8")
    assert named == set(re.findall(r'golden\("(\w+)"\)', source))


def test_the_document_names_its_version_and_every_reserved_consumer() -> None:
    """The version that pages carry is the version of this text."""
    assert f"Version {footprint.METHOD_VERSION}." in METHOD
    assert all(f"`{consumer}`" in METHOD for consumer in RESERVED)


@pytest.mark.parametrize("row", golden("consumed"), ids=lambda row: row["case"])
def test_two_readings(row: Row) -> None:
    """A wrap is counted, a possible second one is a gap, and so is all that cannot be."""
    before = Counter(number(row["before (uJ)"]), 0, "boot", 262_143_328_850, uw_from_watts(1000))
    after = Counter(
        number(row["after (uJ)"]),
        number(row["seconds"]) * NS_PER_S,
        "boot",
        before.range_uj,
        before.max_power_uw,
    )
    result = consumed(before, after, loaded=row["case"].endswith("working"))
    expected = row["result"]
    assert result == (Energy(number(expected)) if expected[0].isdigit() else Gap(expected))  # type: ignore[arg-type]


def test_counts_made_into_energy() -> None:
    """Each reading is the total rounded down once: the energies add up to the last."""
    before_uj = 0
    for row in golden("counts"):
        value_uj = uj_from_counts(number(row["counts"]), Fraction(1, 2**32))
        assert value_uj == number(row["reading (uJ)"])
        assert value_uj - before_uj == number(row["energy (uJ)"])
        before_uj = value_uj


def test_power_made_into_energy() -> None:
    """The integral of the samples, whose half microjoule is carried until it counts; a hole longer
    than five seconds begins anew."""
    integral = Integral("process")
    epochs = []
    for row in golden("integrated"):
        at_ns = int(Decimal(row["time (s)"]) * NS_PER_S)
        integral.add(PowerSample(number(row["power (uW)"]), at_ns, "boot"))
        counter = integral.counter()
        assert counter is not None
        epochs.append(counter.boot_id)
        anew = row["energy (uJ)"] == "begins anew"
        assert counter.value_uj == (0 if anew else number(row["energy (uJ)"]))
        assert (len(set(epochs)) > 1) == anew


def test_attribution_without_a_floor_and_with_one() -> None:
    """A second of a package, undivided and in two parts, to the microjoule."""
    rows = golden("attribution")
    cpu_ns = weights(rows, "CPU time (ns)")
    energy_uj = number(rows[-1]["undivided, no floor (uJ)"])
    for floor_uw in (None, uw_from_watts(9)):
        shares = divide(
            energy_uj, NS_PER_S, floor_uw=floor_uw, static_weights={}, dynamic_weights=cpu_ns
        )
        for part in ("undivided", "static", "dynamic"):
            got = {share.consumer: share.energy_uj for share in shares if share.part == part}
            if got:
                floor = "no floor" if floor_uw is None else "floor 9 W"
                assert got == weights(rows, f"{part}, {floor} (uJ)")
    assert all(total == parts for total, parts in summed(rows))


@pytest.mark.parametrize("row", golden("remainders"), ids=lambda row: row["energy (uJ)"])
def test_equal_remainders(row: Row) -> None:
    """The microjoules left over go to the first codes."""
    shares = {name: number(text) for name, text in row.items() if name != "energy (uJ)"}
    energy_uj = number(row["energy (uJ)"])
    assert attribute(energy_uj, dict.fromkeys(shares, 1)) == shares
    assert sum(shares.values()) == energy_uj


def test_a_straddling_interval() -> None:
    """Each share is spread over the pages by elapsed time, and both pages still add up."""
    rows = golden("straddle")
    start = datetime(2026, 11, 21, 10, 14, 59, 300_000, tzinfo=UTC)
    middle = boundary_after(start, 900)
    end = start.replace(minute=15, second=0)
    columns = dict(zip(list(rows[0])[2:], "ab", strict=True))
    elapsed = {"a": to_us(middle) - to_us(start), "b": to_us(end) - to_us(middle)}
    for column, piece in columns.items():
        assert f"{elapsed[piece]:,} us" in column
    for row in rows[:-1]:
        split = attribute(number(row["energy (uJ)"]), elapsed)
        assert {piece: number(row[name]) for name, piece in columns.items()} == split
    assert all(total == parts for total, parts in summed(rows))


@pytest.mark.parametrize("row", golden("model"), ids=lambda row: row["busy CPU time (s)"])
def test_the_modelled_host(row: Row) -> None:
    """The line between no load and full load, in CPU time."""
    idle_uw, full_uw = uw_from_watts(Decimal(row["idle (W)"])), uw_from_watts(int(row["full (W)"]))
    busy_ns = number(row["busy CPU time (s)"]) * NS_PER_S
    energy_uj = uj_from_power(idle_uw, number(row["time (s)"]) * NS_PER_S)
    energy_uj += uj_from_power(full_uw - idle_uw, busy_ns) // 4
    assert energy_uj == number(row["energy (uJ)"])


@pytest.mark.parametrize("row", golden("curves"), ids=lambda row: row["load (%)"])
def test_the_models_range(row: Row) -> None:
    """The line and CodeCarbon's two curves, in percent of full power to two decimals."""
    load = Decimal(row["load (%)"]) / 100
    tenth = Decimal("0.1")
    curves = {
        "line (this method)": tenth + (1 - tenth) * load,
        "machine mode": tenth + (1 - tenth) * load**3,
        "process mode": max(load, tenth),
    }
    for name, share in curves.items():
        assert round(100 * share, 2) == Decimal(row[name])
        assert share <= curves["line (this method)"]


@pytest.mark.parametrize("row", golden("scale"), ids=lambda row: row["host"])
def test_how_much_of_a_processor_a_host_has(row: Row) -> None:
    """A whole processor's power, by sockets or by threads, or 4 W per CPU of a guest."""
    threads = row["threads of the processor"]
    cpus = number(row["logical CPUs"])
    processor = Processor(
        name="",
        virtualised=row["host"] == "guest",
        provider="",
        logical_cpus=cpus,
        sockets=number(row["sockets"]),
        threads=None if threads == "unknown" else number(threads),
        threads_from="",
    )
    powers = {"0": 28.0, "50": 59.5, "100": 280.0}
    curve = {
        "version": "1",
        "model": "",
        "matched": True,
        "tdp_watts": 280.0,
        "curve_watts": powers,
    }
    (device,) = LoadModel(curve, HostCpu(None), cpus, Boot("boot"), processor).devices()
    assert device.rated_power_uw == number(row["full load (uW)"])


def test_coverage() -> None:
    """Weighted by rated power where all have one, rounded down to four decimals."""
    *devices, weighted, plain = golden("coverage")
    covered = {row["device"]: number(row["covered (s)"]) for row in devices}
    expected = {row["device"]: number(row["expected (s)"]) for row in devices}
    rated = {row["device"]: number(row["rated (W)"]) for row in devices}
    for row in devices:
        name = row["device"]
        assert ratio(covered[name], expected[name], weighted=False) == Decimal(row["ratio"])
    assert ratio(
        sum(rated[name] * covered[name] for name in rated),
        sum(rated[name] * expected[name] for name in rated),
        weighted=True,
    ) == Decimal(weighted["ratio"])
    assert ratio(sum(covered.values()), sum(expected.values()), weighted=False) == Decimal(
        plain["ratio"]
    )


def ratio(covered_s: int, expected_s: int, *, weighted: bool) -> Decimal | None:
    """The ratio as a statement gives it."""
    return Coverage(covered_s * 10**6, expected_s * 10**6, weighted).ratio


@pytest.mark.parametrize("row", golden("months"), ids=lambda row: row["month"])
def test_the_change_months(row: Row) -> None:
    """March loses an hour and October gains one."""
    month = paris_month(row["month"])
    begins, ends = (
        datetime.fromisoformat(row[column]) for column in ("begins (UTC)", "ends (UTC)")
    )
    assert month == Interval(begins, ends)
    assert len(list(quarter_hours(month))) == number(row["quarter-hours"])


@pytest.mark.parametrize("row", golden("instants"), ids=lambda row: row["instant (UTC)"])
def test_the_month_of_an_instant(row: Row) -> None:
    """The boundary is midnight in Paris, half-open."""
    assert month_of(datetime.fromisoformat(row["instant (UTC)"])) == row["month"]


def yearly(year: int, value: str, known_from: str) -> Factor:
    """A year's factor of the electricity consumed in France."""
    return Factor(
        indicator="gwp",
        zone="FR",
        value=Decimal(value),
        unit="gCO2e/kWh",
        valid_from=date(year, 1, 1),
        valid_to=date(year + 1, 1, 1),
        basis="life-cycle, consumption mix, losses included",
        method="location",
        uncertainty_percent=Decimal(10),
        source="ADEME",
        published=known_from,
        known_from=datetime.fromisoformat(f"{known_from}T00:00:00Z"),
    )


@pytest.mark.parametrize("row", golden("choice"), ids=lambda row: "as of ".join(row.values()))
def test_which_factor_applies(row: Row) -> None:
    """The day's own factor, else the newest before it, marked provisional."""
    factors = [yearly(2024, "51.9", "2025-06-01"), yearly(2025, "46.1", "2026-05-26")]
    as_of = datetime.fromisoformat(f"{row['as of']}T00:00:00Z")
    used = headline(factors, "FR", date.fromisoformat(row["energy of the day"]), as_of)
    assert used.value == Decimal(row["factor (g/kWh)"])
    assert used.provisional == (row["provisional"] == "yes")


def test_emissions() -> None:
    """Each line to the microgram, and the sum of lines where rounding the sum differs."""
    first, second, total, *ties = golden("emissions")
    for row in (first, second, *ties):
        factor = Decimal(row["factor (g/kWh)"])
        assert micrograms(number(row["energy (uJ)"]), factor) == number(row["mass (ug)"])
    for column in ("energy (uJ)", "mass (ug)"):
        assert number(first[column]) + number(second[column]) == number(total[column])
    at_once_ug = micrograms(number(total["energy (uJ)"]), Decimal(first["factor (g/kWh)"]))
    assert f"give {at_once_ug:,}." in METHOD


def clock_us(text: str) -> int:
    """Microseconds since 1970 of a time of 21 November 2026, UTC."""
    hour, minute = map(int, text.split(":"))
    return to_us(datetime(2026, 11, 21, hour, minute, tzinfo=UTC))


def test_a_rack_of_two_feeds() -> None:
    """Known where both feeds are; a counter that falls, or a row that is missing, is unknown."""
    rows = golden("pdu")
    feeds = [pdu.Feed(), pdu.Feed()]
    for row in rows:
        at_s = clock_us(row["until"]) // 1_000_000
        for feed, column in zip(feeds, ("first feed (Wh)", "second feed (Wh)"), strict=True):
            if row[column] != "none":
                feed.add(pdu.Row(at_s, uj_from_watt_hours(number(row[column])), None))
    found = pdu.rack(feeds)
    known = {step.start_s + pdu.STEP_SECONDS: step.energy_uj for step in found.steps}
    said = [(row, known.get(clock_us(row["until"]) // 1_000_000)) for row in rows]
    assert all(
        row["rack since the row before (uJ)"] == (f"{energy_uj:,}" if energy_uj else "unknown")
        for row, energy_uj in said
    )
    assert (found.resets, found.missing) == (1, 3)


def test_the_platform_of_a_host() -> None:
    """Node less components over common cover, with the residue of each quarter-hour."""
    facts = nodes.Facts(
        [
            nodes.NodeEnergy(
                clock_us(row["from"]),
                clock_us(row["to"]),
                "bmc",
                ("host",),
                number(row["energy (uJ)"]),
                "counter",
            )
            for row in golden("platform_nodes")
        ],
        [
            nodes.DeviceEnergy(
                ("host", row["component"], "0"),  # type: ignore[arg-type]
                clock_us("10:00"),
                ((clock_us(row["known from"]), clock_us(row["known to"])),),
                number(row["energy (uJ)"]),
                "counter",
            )
            for row in golden("platform_devices")
        ],
        {("host", "cpu", "0"): clock_us("10:00"), ("host", "gpu", "0"): clock_us("10:00")},
    )
    assert [
        [
            one.common_us // 1_000_000,
            one.node_uj,
            one.components_uj,
            one.platform_uj,
            one.residue_uj,
        ]
        for one in nodes.slices(facts)
    ] == [[number(text) for text in list(row.values())[1:]] for row in golden("platform")]


@pytest.mark.parametrize("row", golden("controller"), ids=lambda row: row["over (s)"])
def test_a_controller_is_off_by_a_bound(row: Row) -> None:
    """What lag, mean, unanswered polls and resolution can do, in joules and of 2,500 W."""
    over_s = number(row["over (s)"])
    assert (float(row["late (s)"]), int(row["mean of (s)"])) == (LATE_S, MEAN_S)
    bound_uj = power_bound_uj(5000 * 10**6, over_s, number(row["unanswered"]))
    assert f"{bound_uj / 1e6:,.0f}" == row["at most (J)"]
    of_mean = Decimal(bound_uj) / (over_s * 2500 * 10**4)
    assert f"{of_mean:.2f}" == row["of 2,500 W on average (%)"]


def test_the_platform_of_a_host_without_a_meter() -> None:
    """Least, mean and greatest day of two hosts of its model; a day of eleven hours is left out."""
    rows = golden("platform_days")
    days = []
    for row in rows:
        common_us = number(row["common (h)"]) * HOUR_US
        day = HostDay(row["host"], row["day"], number(row["platform (uJ)"]), common_us)
        assert row["power (uW)"] in (f"{day.power_uw:,}", "left out")
        days.append(day)
    like = platform_model.Likeness("Maker 9000", "Processor", (("cpu", 2),), ())
    hosts = dict.fromkeys([row["host"] for row in rows] + ["gpu-03"], like)
    wanting = {"gpu-03": platform_model.Unmetered(1, 700 * HOUR_US)}
    [got] = platform_model.modelled(days, hosts, wanting)
    powers = (got.power_low_uw, got.power_uw, got.power_high_uw)
    energies = (got.energy_low_uj, got.energy_uj, got.energy_high_uj)
    said = golden("platform_model")
    assert [number(row["power (uW)"]) for row in said] == list(powers)
    assert [number(row["energy (uJ)"]) for row in said] == list(energies)
    assert (len(got.from_hosts), got.from_days, got.from_quarter_hours) == (2, 3, 240)
