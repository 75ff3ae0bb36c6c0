"""What a cross-check judges, by which bound, and which causes of difference it names."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from exporters.crosscheck import compare, report
from exporters.crosscheck.ours import Measured, Meter
from exporters.crosscheck.tracker import Method, Tracked, Window

J = 1_000_000
MS = 1_000_000
KWH_PER_J = Decimal(1) / Decimal(3_600_000)
APART = compare.Edges(start_ns=4 * MS, end_ns=6 * MS)
PARAMETERS = {"full_watts": "8.75", "scale": "processors: 1/32"}


def meter(**changes: Any) -> Meter:
    """A package of at most 500 W that drew 1000 J."""
    values = {
        "sensor": "rapl",
        "device": "package-0",
        "quality": "counter",
        "energy_uj": 1000 * J,
        "gap_us": 0,
        "gap_causes": [],
        "readings": 11,
        "failures": 0,
        "first": None,
        "last": None,
        "parameters": {},
        "most_power_uw": 500 * J,
    }
    return Meter(**{**values, **changes})


def row(
    component: str,
    meters: list[Meter],
    method: Method | None,
    joules: str = "1000",
    host: dict[str, str] | None = None,
) -> compare.Row:
    """The row of a component where CodeCarbon found so many joules."""
    kwh = str(Decimal(joules) * KWH_PER_J)
    methods = {component: method} if method else {}
    tracked = Tracked({"cpu": "0", "dram": "0", "gpu": "0", component: kwh}, methods, [], 0)
    all_meters = {"cpu": [], "dram": [], "gpu": [], component: meters}
    measured = Measured(0, 10 * J, "0" * 32, "0" * 64, 1, host or {}, all_meters)
    found = compare.rows(measured, tracked, APART)
    return next(item for item in found if item.component == component)


RAPL = Method("intel_rapl", files=["/sys/intel-rapl:0/energy_uj"], zones=["package-0"])
LOAD = Method("cpu_load", sockets="2", full_watts="560", generic="no")
CARD = Method("nvml", cards=["GPU-1"])


def test_the_bound_is_what_the_device_can_draw_while_they_read_apart() -> None:
    """500 W over 10 ms and two updates of a millisecond, the unit's error, a millijoule."""
    expected_uj = 500 * 12_000 + 1000 + 1000
    assert row("cpu", [meter()], RAPL).bound_uj == expected_uj


@pytest.mark.parametrize(
    ("joules", "verdict"),
    [("1006.001", "agree"), ("993.999", "agree"), ("1006.003", "differ"), ("500", "differ")],
)
def test_the_same_counters_are_judged_by_the_bound(joules: str, verdict: str) -> None:
    """Beyond what reading apart can explain, one of the two is wrong."""
    assert row("cpu", [meter()], RAPL, joules).verdict == verdict


def test_a_gap_is_not_judged() -> None:
    """The agent says what it does not know; the row says so first."""
    found = row("cpu", [meter(gap_us=2_500_000, gap_causes=["wrap"])], RAPL, "500")
    assert found.verdict == "not judged"
    assert found.causes[0].startswith("2.5 s of package-0 are a gap of the agent's (wrap)")
    assert found.ratio is None
    assert "1,000.000000 + 2.5 s unknown" in "\n".join(report.text(whole([found])))


def test_an_interval_that_is_all_gap_is_unknown_and_not_zero() -> None:
    """A counter that stood still all the time has no figure beside CodeCarbon's."""
    found = row("cpu", [meter(energy_uj=0, gap_us=10 * J, gap_causes=["stuck"])], RAPL, "500")
    assert found.footprint.energy_uj is None
    assert (found.difference_uj, found.verdict) == (None, "not judged")
    assert "cpu        unknown" in "\n".join(report.text(whole([found])))


def test_too_little_energy_confirms_nothing() -> None:
    """Figures that agree only because the bound is wide are not called agreement; others differ."""
    small = [meter(energy_uj=20 * J)]
    assert row("cpu", small, RAPL, "21").verdict == "not judged"
    assert row("cpu", small, RAPL, "40").verdict == "differ"


def test_a_failed_reading_is_a_known_cause() -> None:
    """The agent's failures say that CodeCarbon's reading may have failed as well."""
    assert not any("as 0 J" in cause for cause in row("cpu", [meter()], RAPL).causes)
    found = row("cpu", [meter(failures=1)], RAPL, "900")
    assert any("counts a counter that it cannot read as 0 J" in cause for cause in found.causes)


MODELLED = meter(sensor="codecarbon", device="cpu", quality="modelled", parameters=PARAMETERS)
MEMORY = Method("estimate", watts="38.0", modules="8", memory_gib="125.6")
OTHERS: dict[str, tuple[str, list[Meter], Method | None, str]] = {
    "another zone": (
        *("cpu", [meter()], Method("intel_rapl", files=["a"], zones=["package-1"])),
        "not the same zones: CodeCarbon package-1, the agent rapl package-0",
    ),
    "a zone too few": (
        *("cpu", [meter(), meter(device="package-1")], RAPL),
        "not the same zones: CodeCarbon package-0, the agent rapl package-0, rapl package-1",
    ),
    "the mmio view": (
        *("cpu", [meter()], Method("intel_rapl", files=["intel-rapl-mmio:0"], zones=["package-0"])),
        "CodeCarbon prefers the mmio view",
    ),
    "psys": (
        *("cpu", [meter()], Method("intel_rapl", files=["a"], zones=["psys"])),
        "counts psys, the whole platform, as processors",
    ),
    "it modelled": ("cpu", [meter()], LOAD, "modelled 560 W from the load; the agent read rapl"),
    "we modelled": ("cpu", [MODELLED], RAPL, "read RAPL (package-0) where the agent modelled"),
    "curves": ("cpu", [MODELLED], LOAD, "0.1 + 0.9 x load^3"),
    "scale": ("cpu", [MODELLED], LOAD, "CodeCarbon 560 W (its table times 2 socket(s)"),
    "memory counted": ("dram", [meter(device="dram")], MEMORY, "leaves dram zones"),
    "memory unknown": ("dram", [], MEMORY, "38.0 W at any load, for 8 modules"),
    "no nvidia-smi": ("gpu", [meter(sensor="nvml")], None, "only where `nvidia-smi` runs"),
    "a card missed": ("gpu", [meter(sensor="nvml", device="GPU-2")], CARD, "leaves out GPU-2"),
    "its power": (
        *("gpu", [meter(sensor="nvml", device="GPU-1")]),
        *(Method("nvml", cards=["GPU-1"], by_power=["GPU-1"]), "averages power"),
    ),
    "our power": (
        *("gpu", [meter(sensor="nvml", device="GPU-1", quality="integrated")], CARD),
        "the agent integrates power",
    ),
}


@pytest.mark.parametrize(
    ("component", "meters", "method", "cause"), OTHERS.values(), ids=list(OTHERS)
)
def test_other_sources_are_named_and_not_judged(
    component: str, meters: list[Meter], method: Method | None, cause: str
) -> None:
    """However far apart the figures are, two sources do not contradict each other."""
    found = row(component, meters, method, "7")
    assert not found.same_counters
    assert found.verdict == "not judged"
    assert any(cause in text for text in found.causes), found.causes


def test_a_guest_is_told_of_stolen_time() -> None:
    """Only where the host is one."""
    said = "CodeCarbon counts time stolen by other guests"
    guest = row("cpu", [MODELLED], LOAD, host={"virtualised": "yes"}).causes
    assert any(said in cause for cause in guest)
    assert not any(said in cause for cause in row("cpu", [MODELLED], LOAD).causes)


def test_windows_are_as_far_apart_as_their_far_ends() -> None:
    """Whichever side reads first."""
    assert Window(10, 20).farthest_ns(Window(15, 40)) == 30
    assert Window(15, 40).farthest_ns(Window(10, 20)) == 30


def whole(rows: list[compare.Row]) -> report.Report:
    """A report of these rows."""
    return report.Report(
        format=report.FORMAT,
        host_id="host",
        host={},
        start=datetime(2026, 11, 21, 21, 0, tzinfo=UTC),
        end=datetime(2026, 11, 21, 21, 10, tzinfo=UTC),
        seconds=Decimal("600.000000"),
        asked_minutes=Decimal(10),
        ended_early=False,
        versions=report.Versions("0", "1", "3.3.2", "13", "3.11"),
        parameters=report.Parameters(1, 900, "/sys/class/powercap"),
        ledger=report.Ledger("0" * 32, 1, "0" * 64),
        apart=report.Apart(Decimal(4), Decimal(6)),
        rows=rows,
        codecarbon_warnings=["a warning"],
        refused_connections=0,
    )


def test_the_check_fails_only_where_the_same_counters_differ() -> None:
    """What decides the exit code."""
    good = [row("cpu", [meter()], RAPL), row("dram", [], MEMORY, "9"), row("gpu", [], None, "0")]
    assert whole(good).agrees
    assert not whole([row("cpu", [meter()], RAPL, "900"), *good[1:]]).agrees


def test_the_text_says_figures_units_bounds_and_causes() -> None:
    """Every line a person reads, for the three kinds of rows."""
    rows = [
        row("cpu", [meter()], RAPL, "1000.5"),
        row("dram", [], MEMORY, "380"),
        row("gpu", [], None, "0"),
    ]
    assert list(report.text(whole(rows))) == [
        "crosscheck of host: 2026-11-21 21:00:00 to 21:10:00 UTC, 600 s (10 min asked)",
        "footprint-agent 0 (method 1) beside CodeCarbon 3.3.2, offline, machine mode, every 1 s",
        "",
        "component  footprint (J)  by             CodeCarbon (J)  by          ratio   verdict",
        "cpu        1,000.000000   rapl, counter  1,000.500000    intel_rapl  1.0005  agree",
        "dram       unknown        nothing        380.000000      estimate    -       not judged",
        "gpu        unknown        nothing        nothing         nothing     -       not judged",
        "",
        "cpu: CodeCarbon +0.500000 J, same counters, bound 6.002000 J: agree. Known causes:",
        "  - the two do not read at the same instant: the bound is what the devices can draw in "
        "that time",
        "  - CodeCarbon takes a joule for 2.77778e-7 kWh, 0.8 millionths too much (units.py)",
        "",
        "dram: one figure only, nothing to compare",
        *(f"  - {cause}" for cause in rows[1].causes),
        "",
        "gpu: one figure only, nothing to compare",
        *(f"  - {cause}" for cause in rows[2].causes),
        "",
        "CodeCarbon warned:",
        "  - a warning",
    ]
