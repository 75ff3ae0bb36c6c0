"""METHOD.md computed again: one quarter-hour of a server with 8 boards, in every measure."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files

from footprint import embodied, figures
from footprint.amounts import Cell, Period
from footprint.applied import FactorUse
from footprint.embodied import ANYWHERE, Machine, Part, Used
from footprint.facility import Terms, declared, declared_wue, market
from footprint.factor_table import parse
from footprint.factors import HARDWARE, RESIDUAL_BASIS, FactorError, applicable, headline
from footprint.figures import Named
from footprint.grid.day import grid_day
from footprint.grid.hourly import Grid
from footprint.grid.quarter import TECHNOLOGIES, Quarter
from footprint.impact import INDICATOR_OF
from footprint.interval import Interval, to_us
from footprint.intervals import MEASURES, Intervals
from footprint.ledger import Component
from footprint.statement import Figure
from tests.footprint.method import Row, golden, number

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DAY = date(2026, 2, 1)
START = datetime(2026, 1, 31, 23, tzinfo=UTC)
SITE = "salle"
SIA = ("chat", "tri", "ocr")
BOTH: tuple[Component, ...] = ("gpu", "cpu")
DATA = files("footprint.service").joinpath("data")
SHIPPED = [
    factor
    for name in ("french_electricity.csv", "hardware.csv")
    for factor in parse(DATA.joinpath(name).read_text("utf-8"), NOW)
]
ROWS: Mapping[str, Row] = {row["measure"]: row for row in golden("worked")}
IMPACTS = {
    "primary_energy_uj": "primary energy (uJ)",
    "water_grid_ul": "water of generation (uL)",
    "water_site_ul": "water of the site (uL)",
    "adpe_pg": "metals and minerals (pg)",
}
VIEWS = {
    "market": "gases by what is bought: 17.11 g/kWh (ug)",
    "hourly_direct": "gases by quarter-hour, direct: 36,805,729 ug/kWh (ug)",
    "hourly_life_cycle": "gases by quarter-hour, life cycle: 51,591,373 ug/kWh (ug)",
}


ENDS = {
    "energy_uj": ("energy of boards and packages", "uJ"),
    "site_energy_uj": ("with the site's own", "uJ"),
    "emissions_ug": ("gases, headline", "ug"),
    "market": ("gases by what is bought", "ug"),
    "hourly_direct": ("gases by quarter-hour, direct", "ug"),
    "hourly_life_cycle": ("gases by quarter-hour, life cycle", "ug"),
    "primary_energy_uj": ("primary energy", "uJ"),
    "water_grid_ul": ("water of generation", "uL"),
    "water_site_ul": ("water of the site", "uL"),
    "adpe_pg": ("metals and minerals", "pg"),
}


BOTH_ENDS = ("least", "greatest")


def energy(component: Component, consumer: str) -> int:
    name = "boards" if component == "gpu" else "packages"
    return number(ROWS[f"energy of {name} (uJ)"][consumer])


def terms() -> Terms:
    """What ships for France, and what the site declares."""
    others = {
        name: applicable(SHIPPED, indicator, "FR", "location", DAY, as_of=NOW)
        for name, indicator in INDICATOR_OF.items()
    }
    residual = applicable(SHIPPED, "gwp", "FR", "market", DAY, as_of=NOW, basis=RESIDUAL_BASIS)
    ever = (None, None)
    return Terms(
        headline(SHIPPED, "FR", DAY, NOW),
        declared(SITE, Decimal("1.5"), "Audit", None, ever),
        others,
        declared_wue(SITE, Decimal("0.3"), "Audit", None, ever),
        "FR",
        market([], residual),
    )


def grid() -> Grid:
    """The quarter-hour as METHOD.md has it above."""
    row = golden("grid")[0]
    generation_mw = tuple(number(row[name.replace("_", " ")]) for name in TECHNOLOGIES)
    start_s = int(START.timestamp())
    held = {start_s: Quarter(start_s, "definitive", generation_mw, 37)}
    return Grid({"FR": [grid_day("FR", DAY, held, SHIPPED, NOW)]}, {SITE: "FR"})


def test_use_in_every_measure() -> None:
    intensities = grid()
    cells = [
        Cell(
            consumer,
            component,
            "dynamic",
            "counter",
            energy(component, consumer),
            site=SITE,
            seen=intensities.weigh(SITE, to_us(START), [energy(component, consumer)]),
        )
        for consumer in SIA
        for component in BOTH
    ]
    periods = [Period({SITE: terms()}, cells)]
    off = Intervals(periods, {}, grid=intensities)
    lines = off.lines(figures.lines(periods, []))
    for one in off.consumers(figures.consumer_totals(lines, [], Named({})), lines):
        _check(one.consumer, one.figure)
    whole, _ = off.total(figures.total(lines, figures.coverage([])), whole=True)
    _check("all", whole)


def _check(consumer: str, figure: Figure) -> None:
    assert figure.site_energy_uj == number(ROWS["with the site's own (uJ)"][consumer])
    gases = ROWS["gases, headline: 46.1 g/kWh (ug)"]
    assert figure.emissions_ug == number(gases[consumer])
    for name, amount in figure.impacts.items():
        assert amount == number(ROWS[IMPACTS[name]][consumer])
    for view, seen in figure.views.items():
        assert seen.emissions_ug == number(ROWS[VIEWS[view]][consumer])
        assert seen.energy_uj == figure.energy_uj
    assert figure.intervals.keys() == ENDS.keys() == {*MEASURES}
    for measure, ends in figure.intervals.items():
        name, unit = ENDS[measure]
        assert ends.low == number(ROWS[f"{name}, least ({unit})"][consumer]), measure
        assert ends.high == number(ROWS[f"{name}, greatest ({unit})"][consumer]), measure


def _factor_of(part: str, indicator: str) -> FactorUse | None:
    subject = f"{HARDWARE}{part}"
    try:
        return applicable(
            SHIPPED, indicator, ANYWHERE, "location", DAY, as_of=NOW, basis="", subject=subject
        )
    except FactorError:
        return None


def test_making_the_server() -> None:
    parts = [Part("gpu/h100", 8), Part("server/gpu-host", 1)]
    machine = Machine("gpu-01", "Server", date(2026, 1, 1), None, 5, parts)
    used = {name: Used(energy("gpu", name), energy("cpu", name)) for name in SIA}
    span = Interval(START, START + timedelta(minutes=15))
    found = embodied.share(machine, _factor_of, used, span)
    for consumer, made in {**found.by_consumer, "all": found.span}.items():
        gases, metals, primary = (made[name] for name in embodied.MAKINGS)
        assert gases
        assert metals
        assert primary
        told = {
            "gases (ug)": gases.value,
            "gases, least (ug)": gases.low,
            "gases, greatest (ug)": gases.high,
            "metals and minerals (pg)": metals.value,
            "primary energy (uJ)": primary.value,
        }
        for name, amount in told.items():
            assert amount == number(ROWS[f"making: {name}"][consumer])


def test_the_columns_add_up() -> None:
    for name, row in ROWS.items():
        if name.startswith(tuple(f"{of}, {end}" for of, _ in ENDS.values() for end in BOTH_ENDS)):
            continue  # ends of intervals do not: errors that are not common cancel in part
        assert sum(number(row[name]) for name in SIA) == number(row["all"])
