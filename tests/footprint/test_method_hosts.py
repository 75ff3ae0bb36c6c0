"""METHOD.md computed again: modelled hosts, node meters, platform."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from exporters.clock import Boot
from exporters.cputime import HostCpu
from exporters.sensors.model import LoadModel
from exporters.sensors.processors import Processor
from exporters.twin.controller import MEAN_S
from exporters.twin.wallreferee import LATE_S, power_bound_uj
from footprint import nodes, pdu, platform_model
from footprint.interval import (
    to_us,
)
from footprint.platform_model import HostDay
from footprint.units import (
    NS_PER_S,
    uj_from_power,
    uj_from_watt_hours,
    uw_from_watts,
)
from tests.footprint.method import HOUR_US, Row, golden, number


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
