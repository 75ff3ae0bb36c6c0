"""Statements and overviews to render: an ordinary month, an empty one, a hostile one, one without
a factor, one that nothing but models knows. Their sums come from `footprint.figures`, as the
service's do."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from footprint import amounts, figures
from footprint.amounts import Cell, Period
from footprint.applied import FactorUse, PueUse
from footprint.cited import cited
from footprint.figures import DeviceCover, Named
from footprint.interval import paris_month
from footprint.intervals import Intervals
from footprint.overview import ConsumerNow, HostNow, Overview, SensorNow
from footprint.platform_figures import Platform, PlatformAnomaly, PlatformMeter, PlatformModelled
from footprint.service.reports import OMISSIONS
from footprint.shared_figures import Made, Served
from footprint.statement import GapTotal, HostBoundary, LedgerHead, Scope, Statement
from footprint.trend import Trend, TrendMonth
from tests.portal import embodied_example, external_example, shared_example
from tests.portal.applied_example import ADEME, ASSUMED, DECLARED, SITES, terms

HOUR_US = 3_600_000_000
AT = datetime(2026, 11, 21, 13, 32, 7, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 20, 23, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>\u202egnp.exe\u2069 & <b>fin</b>'

NAMES = {
    "albert-chat": "Assistant Albert",
    "tri-courriels": "Tri des courriels des usagers",
}

CELLS = [
    Cell("albert-chat", "gpu", "static", "counter", 1_180_000_000_003, site="salle-1"),
    Cell("albert-chat", "gpu", "dynamic", "counter", 5_406_123_456_789, site="salle-1"),
    Cell("albert-chat", "cpu", "undivided", "counter", 322_000_111_222),
    Cell("albert-chat", "dram", "undivided", "modelled", 41_555_666_777),
    Cell("tri-courriels", "cpu", "undivided", "modelled", 96_700_000_001),
    Cell("essai-ocr", "gpu", "dynamic", "integrated", 12_345_678_901),
    Cell("@system", "cpu", "undivided", "counter", 88_000_000_007),
    Cell("@system", "cpu", "static", "modelled", 40_100_000_000),
    Cell("@agent", "cpu", "undivided", "counter", 4_200_000_013),
    Cell("@idle", "gpu", "static", "counter", 733_000_000_000),
    Cell("@unregistered", "gpu", "dynamic", "counter", 50_000_000_000),
    Cell("@unattributed", "cpu", "undivided", "counter", 1_000_000_001),
]
MODEL_CELLS = [
    Cell("demo-llm", "cpu", "undivided", "modelled", 512_345_678),
    Cell("demo-classifier", "cpu", "undivided", "modelled", 130_000_321),
    Cell("@system", "cpu", "undivided", "modelled", 61_000_000),
    Cell("@agent", "cpu", "undivided", "modelled", 900_123),
]
DEVICES = [
    DeviceCover("gpu-01", "cpu", "package-0", 14 * HOUR_US, 14 * HOUR_US, None),
    DeviceCover("gpu-01", "dram", "memory-0", 14 * HOUR_US - 1, 14 * HOUR_US, None),
    DeviceCover("gpu-01", "gpu", "GPU-5f1e", 13 * HOUR_US, 14 * HOUR_US, 700_000_000),
    DeviceCover("vm-07", "cpu", "model", 12 * HOUR_US, 14 * HOUR_US, None),
]
SENSORS = [
    SensorNow("gpu-01", "rapl", "cpu", "package-0", "package-0", False, "counter", "ok", ""),
    SensorNow("gpu-01", "rapl", None, "psys", "whole platform", True, "counter", "ok", ""),
    SensorNow(
        "gpu-01",
        "nvml",
        "gpu",
        "GPU-5f1e8b6a-0c1d-4d57-9a10-000000000001",
        "board",
        False,
        "counter",
        "degraded",
        "nvml: 3 readings of 900 failed: NVML_ERROR_TIMEOUT; look at dmesg for Xid lines",
    ),
    SensorNow(
        "vm-07",
        "model",
        "cpu",
        "model",
        "all processors of the virtual machine",
        False,
        "modelled",
        "ok",
        "",
    ),
    SensorNow(
        "vm-07",
        "rapl",
        "dram",
        "dram-0",
        "dram",
        False,
        "counter",
        "failed",
        "rapl: cannot read /sys/class/powercap/intel-rapl:0/energy_uj: permission denied; install "
        "the shipped udev rule (group footprint, 0440) or run as root",
    ),
]


_METERS = [
    PlatformMeter(
        meter="pdu:salle1-r12",
        hosts=["gpu-01"],
        node_uj=5_000_000_000_123,
        components_uj=3_900_000_000_000,
        platform_uj=1_100_000_000_123,
        residue_uj=7_000_000_000,
        set_aside_uj=0,
        node_us=30 * HOUR_US,
        common_us=29 * HOUR_US,
        node_quality_uj={"counter": 5_000_000_000_123},
        components_quality_uj={"counter": 3_900_000_000_000},
    ),
    PlatformMeter(
        meter="gpu-02/bmc",
        hosts=["gpu-02"],
        node_uj=10_000_000,
        components_uj=1_010_000_000,
        platform_uj=-1_000_000_000,
        residue_uj=0,
        set_aside_uj=0,
        node_us=HOUR_US,
        common_us=HOUR_US,
        node_quality_uj={"integrated": 10_000_000},
        components_quality_uj={"counter": 1_010_000_000},
    ),
]
PLATFORM = Platform(
    boundary="wall",
    energy_uj=1_099_000_000_123,
    energy_kwh=Decimal("0.305277778"),
    node_uj=5_000_010_000_123,
    components_uj=3_901_010_000_000,
    residue_uj=7_000_000_000,
    set_aside_uj=0,
    node_us=31 * HOUR_US,
    common_us=30 * HOUR_US,
    overlapping=0,
    meters=_METERS,
    anomalies=[
        PlatformAnomaly(
            "2026-11-09",
            "gpu-02/bmc",
            ["gpu-02"],
            ["gpu-02/nvml", "gpu-02/rapl"],
            10_000_000,
            1_010_000_000,
            -1_000_000_000,
        )
    ],
    unmetered_hosts=["gpu-03", "gpu-04", "vm-07"],
    unmetered_components_uj=9_000_000_000_456,
    modelled=[
        PlatformModelled(
            quality="modelled",
            machine="Maker Server 9000",
            processor="Processor 8480",
            devices={"cpu": 2, "gpu": 8},
            gpus=["Accelerator 80GB"],
            hosts=["gpu-03", "gpu-04"],
            components_uj=8_500_000_000_001,
            covered_us=1400 * HOUR_US,
            power_low_uw=410_000_001,
            power_uw=523_500_000,
            power_high_uw=700_250_000,
            energy_low_uj=2_066_400_005_040,
            energy_uj=2_638_440_000_000,
            energy_high_uj=3_529_260_000_000,
            from_hosts=["gpu-01"],
            from_days=12,
            from_quarter_hours=1131,
        )
    ],
)


def statement(
    cells: list[Cell] = CELLS,
    factor: FactorUse | None = ADEME,
    names: dict[str, str] = NAMES,
    served: Sequence[Served] = (),
    *,
    pues: Sequence[PueUse] = (ASSUMED, DECLARED),
    sites: dict[str, str] = SITES,
    **changes: object,
) -> Statement:
    """November 2026 with the energy of `cells` and of servers; `changes` replaces fields."""
    divided = [cell for one in served for cell in one.split.cells[0]]
    periods = [Period(terms(factor, pues), [*cells, *divided])]
    off = Intervals(
        periods,
        {one: figures.coverage(DEVICES, {one}) for one in figures.COMPONENTS},
        splits={
            (one.split.rules.code, consumer): share
            for one in served
            for consumer, share in one.split.shares.items()
        },
    )
    lines = off.lines(figures.lines(periods, DEVICES))
    total, uncertain = off.total(figures.total(lines, figures.coverage(DEVICES)), whole=True)
    month = paris_month("2026-11")
    cites = cited(amounts.standing(periods))
    named = Named(names, {one.split.rules.code: one.name for one in served})
    figures_of = Made(served, lines, named, shared_example.UNITS)
    made = Statement(
        format=1,
        month="2026-11",
        start=month.start,
        end=month.end,
        as_of=AT,
        closed=False,
        scope=Scope("all", None, None),
        method_version="1",
        zone="FR",
        total=total,
        consumers=figures_of.with_efficiency(
            off.consumers(figures.consumer_totals(lines, DEVICES, named), lines)
        ),
        components=off.components(figures.component_totals(lines, DEVICES), lines, whole=True),
        lines=lines,
        hosts=[
            HostBoundary("gpu-01", "components", {"cpu": ["counter"], "gpu": ["counter"]}, []),
            HostBoundary("vm-07", "components", {"cpu": ["modelled"]}, ["dram"]),
        ],
        gaps=[
            GapTotal("gap", "gpu", "read_failed", HOUR_US),
            GapTotal("gap", "cpu", "no_page", 2 * HOUR_US),
            GapTotal("blind", "cpu", "outage", 47_000_000),
        ],
        factors=[factor] if factor else [],
        omissions=list(OMISSIONS),
        quarantined_pages=0,
        ledgers=[
            LedgerHead("gpu-01", "0f0c4f6e-5e0c-4f6f-9d2c-5b7d2f9d1c11", 1965, "3a" * 32),
            LedgerHead("vm-07", "7d1b0c52-9a51-4d6e-8f3e-1f0a64d6b002", 712, "c4" * 32),
        ],
        platform=PLATFORM,
        servers=figures_of.servers(None),
        usage_ledgers=[LedgerHead("passerelle", "5a1c" * 9, 2877, "9e" * 32)] if served else [],
        sites=figures.site_totals(total, pues, sites),
        pues=cites.pues,
        wues=cites.wues,
        impacts=cites.impacts,
        impact_factors=cites.impact_factors,
        zones_without_factor=cites.zones_without_factor,
        views=cites.views,
        contracts=cites.contracts,
        grid=cites.grid,
        embodied=embodied_example.embodied(named),
        sci=embodied_example.intensities(total),
        uncertainty=uncertain,
    )
    return msgspec.structs.replace(made, **changes)


def overview(
    cells: list[Cell] = CELLS,
    factor: FactorUse | None = ADEME,
    names: dict[str, str] = NAMES,
    servers: dict[str, str] = {},  # noqa: B006 - never changed
    **changes: object,
) -> Overview:
    """The present with the energy of `cells` since midnight; `changes` replaces fields."""
    pues = (ASSUMED, DECLARED)
    periods = [Period(terms(factor, pues), cells)]
    off = Intervals(periods, {one: figures.coverage(DEVICES, {one}) for one in figures.COMPONENTS})
    lines = off.lines(figures.lines(periods, DEVICES))
    totals = off.consumers(figures.consumer_totals(lines, DEVICES, Named(names, servers)), lines)
    total, _ = off.total(figures.total(lines, figures.coverage(DEVICES)), whole=True)
    made = Overview(
        at=AT,
        since=MIDNIGHT,
        zone="FR",
        hosts=[
            HostNow(
                "gpu-01",
                datetime(2026, 11, 21, 13, 15, tzinfo=UTC),
                datetime(2026, 11, 21, 13, 30, tzinfo=UTC),
                silent=False,
            ),
            HostNow(
                "vm-07",
                datetime(2026, 11, 21, 11, 15, tzinfo=UTC),
                datetime(2026, 11, 21, 11, 30, tzinfo=UTC),
                silent=True,
            ),
        ],
        sensors=SENSORS,
        consumers=[
            ConsumerNow(
                one.consumer,
                one.kind,
                one.name,
                one.registered,
                one.figure.energy_uj // 48_000,
                one.figure,
            )
            for one in totals
        ],
        total=total,
        coverage={one.component: one.coverage for one in figures.component_totals(lines, DEVICES)},
        absent=[],
        factors=[factor] if factor else [],
        pues=[*pues],
        zones_without_factor=[] if factor else ["FR"],
        quarantined_pages=0,
    )
    return msgspec.structs.replace(made, **changes)


def empty_statement() -> Statement:
    """A month that no page covers."""
    nothing = {"hosts": [], "gaps": [], "factors": [], "ledgers": [], "components": [], "sites": []}
    return statement(cells=[], platform=None, **nothing)


def empty_overview() -> Overview:
    """A service that nobody has sent anything to."""
    return overview(cells=[], hosts=[], sensors=[], coverage={}, absent=[])


def hostile() -> dict[str, object]:
    """What others could have written into names and errors, as arguments of the two above."""
    return {
        "cells": [Cell("vil", "cpu", "undivided", "modelled", 1)],
        "names": {"vil": HOSTILE},
        "factor": msgspec.structs.replace(ADEME, source=HOSTILE, published=HOSTILE, zone=HOSTILE),
    }


OVERVIEWS = {
    "normal": overview(),
    "modelled": overview(cells=MODEL_CELLS, names={}, absent=["dram", "gpu"], quarantined_pages=2),
    "empty": empty_overview(),
    "today-unknown": overview(cells=[], coverage={}),
    "hostile": overview(**hostile()),
    "no-factor": overview(factor=None),
}
STATEMENTS = {
    "normal": statement(served=shared_example.SERVED),
    "alone": statement(),
    "modelled": statement(cells=MODEL_CELLS, names={}, quarantined_pages=1),
    "empty": empty_statement(),
    "hostile": statement(**hostile(), scope=Scope("sia", "vil", HOSTILE)),
    "no-factor": statement(factor=None, served=shared_example.SERVED),
    "closed": statement(closed=True, scope=Scope("project", "albert", "Albert")),
    "outside": statement(externals=external_example.externals(Named(NAMES, {}))),
    "outside-unknown": statement(
        cells=[], externals=external_example.without_estimator(Named(NAMES, {}))
    ),
}


def trend(stated: Statement, **changes: object) -> Trend:
    """Three months as `stated`, the middle one of them unknown."""
    made = Trend(
        format=1,
        scope=stated.scope,
        as_of=AT,
        method_version="1",
        factor_month="2026-11",
        factors=stated.factors,
        pues=stated.pues,
        months=[
            TrendMonth("2026-09", stated.total, stated.total.emissions_ug),
            TrendMonth("2026-10", None, None),
            TrendMonth("2026-11", stated.total, 402_000_000),
        ],
    )
    return msgspec.structs.replace(made, **changes)


TRENDS = {
    "normal": trend(STATEMENTS["normal"]),
    "hostile": trend(STATEMENTS["hostile"]),
    "no-factor": trend(STATEMENTS["no-factor"], factors=[]),
}
