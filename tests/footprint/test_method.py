"""METHOD.md computed again: from readings to attributed energy, month and factor."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

import footprint
from exporters.sensors.integral import Integral
from exporters.weights import Confined, CpuTimes, Usage
from footprint.attribution import attribute, divide
from footprint.codes import RESERVED
from footprint.factors import Factor, headline
from footprint.floor import Rest, rests
from footprint.interval import (
    Interval,
    boundary_after,
    month_of,
    paris_month,
    quarter_hours,
    to_us,
)
from footprint.reading import Counter, Gap, PowerSample, consumed
from footprint.statement import Coverage
from footprint.units import (
    NS_PER_S,
    Energy,
    micrograms,
    uj_from_counts,
    uw_from_watts,
)
from tests.footprint.method import METHOD, Row, golden, number, summed, weights


def test_every_golden_table_is_computed_again() -> None:
    """A table cannot be marked golden without a test that reads it."""
    named = set(re.findall(r"<!-- golden: (\S+) -->", METHOD))
    tests = Path(__file__).parent.glob("test_method*.py")
    source = "".join(path.read_text(encoding="utf-8") for path in tests)
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


def test_minutes_of_rest_make_a_floor() -> None:
    """Each minute is rest or not, and leaves the floor that stands beside it."""
    rest, minute_us = Rest(), 60_000_000
    for index, row in enumerate(golden("floor")):
        start_us, energy_uj = index * minute_us, number(row["energy (uJ)"])
        resting = rests(number(row["CPU time (ns)"]), 60 * NS_PER_S, 8)
        assert resting == (row["rests"] == "yes")
        rest.see(start_us, start_us + minute_us, energy_uj, resting=resting)
        if resting:
            assert number(row["mean power (uW)"]) == energy_uj // 60
        floor = rest.floor(start_us + minute_us)
        assert (f"{floor.power_uw:,}" if floor else "") == row["floor (uW)"]


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
        parts = divide(
            energy_uj, NS_PER_S, floor_uw=floor_uw, static_weights={}, dynamic_weights=cpu_ns
        )
        floor = "no floor" if floor_uw is None else "floor 9 W"
        assert set(parts) == ({"undivided"} if floor_uw is None else {"static", "dynamic"})
        for part, shares in parts.items():
            assert shares == weights(rows, f"{part}, {floor} (uJ)")
    assert all(total == parts for total, parts in summed(rows))


def test_packages_told_apart() -> None:
    """Times and energies of each package, and what one set of weights would give of both."""
    rows = golden("packages")
    *consumers, total = rows
    used = weights(rows, "CPU time (ns)")
    packages = ("package-0", "package-1")
    confined = {row["consumer"]: row["confined to"] for row in consumers if row["confined to"]}
    times = CpuTimes()
    sia = {code: used_ns for code, used_ns in used.items() if not code.startswith("@")}
    start = Confined(confined, dict.fromkeys(packages, 0))
    times.advance(Usage(0, 0, dict.fromkeys(sia, 0), start))
    mark = times.mark()
    busy = Confined(confined, {name: number(total[f"{name} (ns)"]) for name in packages})
    times.advance(Usage(number(total["CPU time (ns)"]), used["@agent"], sia, busy))
    pooled: dict[str, int] = {}
    for name in packages:
        energy_uj = number(total[f"{name} (uJ)"])
        here = times.since(mark, name)
        assert {code: ns for code, ns in here.items() if ns} == weights(rows, f"{name} (ns)")
        assert attribute(energy_uj, here) == weights(rows, f"{name} (uJ)")
        for code, share_uj in attribute(energy_uj, times.since(mark)).items():
            pooled[code] = pooled.get(code, 0) + share_uj
    assert pooled == weights(rows, "pooled (uJ)")


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
