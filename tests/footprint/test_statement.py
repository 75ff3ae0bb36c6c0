"""From facts to figures: sums of lines, projects that lose nothing, coverage never flattered."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint import amounts, figures
from footprint.amounts import Cell, Period
from footprint.applied import PueUse, WueUse
from footprint.cited import cited
from footprint.facility import Terms, unknown
from footprint.figures import DeviceCover, Named
from footprint.statement import Coverage
from tests.footprint.test_impact import factor

HOUR_US = 3_600_000_000
PROJECTS = ("alpha", "beta", "gamma")
SITES = ("", "nord", "sud")
PUES = ("1", "1.37", "2.000001")

permilles = st.lists(st.integers(0, 1000), min_size=2, max_size=2).map(
    lambda cuts: {
        project: share
        for project, share in zip(
            PROJECTS,
            (min(cuts), max(cuts) - min(cuts), 1000 - max(cuts)),
            strict=True,
        )
        if share
    }
)
cells = st.builds(
    Cell,
    consumer=st.sampled_from(["chat", "tri", "@system", "@idle"]),
    component=st.sampled_from(figures.COMPONENTS),
    part=st.sampled_from(["static", "dynamic", "undivided"]),
    quality=st.sampled_from(["counter", "integrated", "modelled"]),
    energy_uj=st.integers(0, 2**60),
    site=st.sampled_from(SITES),
)
terms_of = st.builds(
    Terms,
    factor=st.sampled_from([factor(), factor("51.9")]),
    others=st.sampled_from([{"adpe_pg": factor("4.858e-8")}, {"adpe_pg": factor("1e-7")}]),
    pue=st.sampled_from(
        [unknown(), *(PueUse(f"pue:{value}", "s", "declared", Decimal(value)) for value in PUES)]
    ),
)
periods = st.lists(
    st.builds(
        Period,
        terms=st.fixed_dictionaries(dict.fromkeys(SITES, terms_of)),
        cells=st.lists(
            cells,
            max_size=12,
            unique_by=lambda c: (c.consumer, c.component, c.part, c.quality, c.site),
        ),
        shares=st.fixed_dictionaries({"chat": permilles, "tri": permilles}),
    ),
    max_size=3,
)


def device(
    covered_us: int, expected_us: int, rated_power_uw: int | None = None, **place: str
) -> DeviceCover:
    where = {"host_id": "h", "component": "gpu", "device": "d"} | place
    return DeviceCover(
        **where,  # type: ignore[arg-type]
        covered_us=covered_us,
        expected_us=expected_us,
        rated_power_uw=rated_power_uw,
    )


@given(periods)
def test_all_is_a_sum_of_lines(found: list[Period]) -> None:
    """No energy of any cell is lost or made, and each total is the sum of its lines."""
    lines = figures.lines(found, [])
    everything = sum(cell.energy_uj for period in found for cell in period.cells)
    cover = Coverage(0, 0, False)
    whole = figures.total(lines, cover)
    assert whole.energy_uj == everything == sum(whole.quality_uj.values())
    assert sum(whole.pue_uj.values()) == everything
    assert whole.site_energy_uj == everything + sum(whole.overhead_uj.values())
    for groups in (
        figures.consumer_totals(lines, [], Named({})),
        figures.component_totals(lines, []),
    ):
        assert sum(group.figure.energy_uj for group in groups) == everything
        assert sum(group.figure.emissions_ug or 0 for group in groups) == whole.emissions_ug
        assert sum(group.figure.site_energy_uj for group in groups) == whole.site_energy_uj


@given(periods)
def test_projects_add_up_to_their_sia(found: list[Period]) -> None:
    """Energy and emissions of the shared SIA, over all projects, are the whole's under ==."""
    shared = ("chat", "tri")
    whole = [line for line in figures.lines(found, []) if line.consumer in shared]
    parts = [line for project in PROJECTS for line in figures.lines(found, [], project)]
    assert {line.consumer for line in parts} <= set(shared)
    for field in ("energy_uj", "emissions_ug", "site_energy_uj"):
        assert sum(getattr(line.figure, field) for line in parts) == sum(
            getattr(line.figure, field) for line in whole
        )
    assert sum(line.figure.impacts["adpe_pg"] or 0 for line in parts) == sum(
        line.figure.impacts["adpe_pg"] or 0 for line in whole
    )


def test_a_line_is_rounded_once_however_its_month_is_cut() -> None:
    """A change of shares within the month does not move the whole's emissions."""
    cell = Cell("chat", "cpu", "dynamic", "counter", 1_000_003)
    double = Cell("chat", "cpu", "dynamic", "counter", 2_000_006)
    terms = {"": Terms(factor())}
    cut = [Period(terms, [cell], {"chat": {"alpha": 1000}}), Period(terms, [cell], {})]
    assert figures.lines(cut, []) == figures.lines([Period(terms, [double])], [])


def test_without_a_factor_emissions_are_unknown() -> None:
    """Not zero; and one unknown part makes the sum unknown."""
    cell = Cell("chat", "cpu", "dynamic", "counter", 5)
    periods = [Period({"": Terms(None)}, [cell]), Period({"": Terms(factor())}, [cell])]
    (line,) = figures.lines(periods, [])
    assert (line.figure.energy_uj, line.figure.emissions_ug, line.figure.emissions_g) == (
        10,
        None,
        None,
    )


def test_what_a_project_does_not_carry_leaves_its_figures_known() -> None:
    """Beta carried the SIA while it was where no factor applies, alpha afterwards: alpha's figures
    are those of its own half alone, with what that rests on and nothing else."""
    cell = Cell("chat", "cpu", "dynamic", "counter", 3_600_000_000_000)
    late = msgspec.structs.replace(factor("51.9"), id="late", provisional=True)
    before = Period({"": Terms(None, unknown("a"), zone="ZZ")}, [cell], {"chat": {"beta": 1000}})
    after = Period({"": Terms(late, unknown("b"))}, [cell], {"chat": {"alpha": 1000}})
    (line,) = figures.lines([before, after], [], "alpha")
    assert line.figure.emissions_ug == 51_900_000
    assert (line.figure.factors, [*line.figure.pue_uj]) == (["late"], [unknown("b").id])
    (other,) = figures.lines([before, after], [], "beta")
    assert (other.figure.emissions_ug, other.figure.factors) == (None, [])
    assert not other.figure.provisional
    for project, cut in (("alpha", after), ("beta", before)):
        (standing,) = amounts.standing([before, after], project)
        assert standing == ("", cut.terms[""])


def test_no_energy_rests_on_nothing() -> None:
    """A stored zero where no factor applies makes nothing unknown."""
    terms = {"": Terms(factor()), "nord": Terms(None, zone="ZZ")}
    cells = [Cell("chat", "cpu", "dynamic", "counter", 36 * 10**11)]
    nothing = Cell("chat", "cpu", "dynamic", "counter", 0, site="nord")
    with_, without = (figures.lines([Period(terms, own)], []) for own in ([*cells, nothing], cells))
    assert with_ == without
    assert [site for site, _ in amounts.standing([Period(terms, [*cells, nothing])])] == [""]


def test_a_pue_of_another_year_makes_a_figure_provisional() -> None:
    pue = PueUse("pue", None, "assumed", Decimal("1.5"), provisional=True)
    cell = Cell("chat", "cpu", "dynamic", "counter", 5)
    for own in (pue, msgspec.structs.replace(pue, provisional=False)):
        (line,) = figures.lines([Period({"": Terms(factor(), own)}, [cell])], [])
        assert line.figure.provisional == own.provisional
        (cited_pue,) = cited([("", Terms(factor(), own))]).pues
        assert cited_pue == own


def test_energies_of_two_sites_meet_each_its_own_pue() -> None:
    """Half of a line stands where the PUE is 1.5, half where nothing is known: what is not known is
    added to nothing, and said."""
    known = PueUse("pue:nord:", "nord", "declared", Decimal("1.5"))
    terms = {"": Terms(factor()), "nord": Terms(factor(), known)}
    cells = [
        Cell("chat", "cpu", "dynamic", "counter", 3_600_000_000_000, site=site) for site in terms
    ]
    (line,) = figures.lines([Period(terms, cells)], [])
    assert line.figure.energy_uj == 7_200_000_000_000
    assert line.figure.site_energy_uj == 9_000_000_000_000
    assert line.figure.emissions_ug == 46_100_000 * 5 // 2
    assert line.figure.pue_uj == dict.fromkeys([known.id, unknown().id], 3_600_000_000_000)
    assert line.figure.overhead_uj == {known.id: 1_800_000_000_000}


def test_an_impact_that_lacks_for_some_energy_is_not_available() -> None:
    """Of that line and of every sum; what has all it needs is a number, a zero too."""
    wue = WueUse("wue:nord:", "nord", Decimal("0.5"), None, "Audit", None, None)
    terms = {"": Terms(factor()), "nord": Terms(factor(), wue=wue)}
    cells = [
        Cell(f"at-{site}", "cpu", "dynamic", "counter", 36 * 10**11, site=site) for site in terms
    ]
    lines = figures.lines([Period(terms, cells)], [])
    assert [line.figure.impacts["water_site_ul"] for line in lines] == [None, 500_000]
    assert figures.total(lines, Coverage(0, 0, False)).impacts["water_site_ul"] is None
    assert figures.total([], Coverage(0, 0, False)).impacts["water_site_ul"] == 0


def test_what_a_site_adds_has_the_range_of_an_assumption() -> None:
    """A declared PUE has none; of an unknown one nothing is said, which is not zero."""
    pues = [
        PueUse("a", None, "assumed", Decimal("1.5"), Decimal("1.2"), Decimal(2)),
        PueUse("b", "nord", "declared", Decimal("1.1")),
        unknown("sud"),
    ]
    terms = {pue.site or "": Terms(factor(), pue) for pue in pues}
    cells = [Cell("chat", "cpu", "dynamic", "counter", 1000, site=site) for site in terms]
    whole = figures.total(figures.lines([Period(terms, cells)], []), Coverage(0, 0, False))
    found = figures.site_totals(whole, [*pues, unknown("est")], {"nord": "Nord"})
    assert [
        (one.site, one.name, one.overhead_uj, one.overhead_low_uj, one.overhead_high_uj)
        for one in found
    ] == [(None, None, 500, 200, 1000), ("nord", "Nord", 100, None, None), ("sud", *[None] * 4)]


@pytest.mark.parametrize(
    ("covered_us", "expected_us", "ratio"),
    [
        (0, 0, None),
        (0, 1, Decimal("0.0000")),
        (99_999_999, 100_000_000, Decimal("0.9999")),
        (100, 100, Decimal("1.0000")),
    ],
)
def test_coverage_is_rounded_down(covered_us: int, expected_us: int, ratio: Decimal | None) -> None:
    """Four decimals; only what is whole is 1.0000; nothing expected is no ratio."""
    assert Coverage(covered_us, expected_us, False).ratio == ratio


def test_coverage_weighs_by_rated_power() -> None:
    """The example of METHOD.md: two boards of 700 and 300 W over a day."""
    day_us = 24 * HOUR_US
    boards = [
        device(23 * HOUR_US, day_us, 700_000_000, device="a"),
        device(12 * HOUR_US, day_us, 300_000_000, device="b"),
    ]
    weighted = figures.coverage(boards)
    assert (weighted.weighted, weighted.ratio) == (True, Decimal("0.8208"))
    unrated = figures.coverage([boards[0], device(12 * HOUR_US, day_us, None, device="b")])
    assert (unrated.weighted, unrated.ratio) == (False, Decimal("0.7291"))


@given(
    st.lists(
        st.tuples(st.integers(0, 10**13), st.integers(0, 10**13), st.integers(0, 10**9)),
        max_size=5,
    )
)
def test_what_lacks_anything_is_not_whole(found: list[tuple[int, int, int]]) -> None:
    """A weighted coverage is 1.0000 only where every device is covered throughout."""
    devices = [
        device(min(covered, expected), expected, rated, device=str(n))
        for n, (covered, expected, rated) in enumerate(found)
    ]
    ratio = figures.coverage(devices).ratio
    whole = all(one.covered_us == one.expected_us for one in devices)
    assert ratio is None or (ratio == 1) <= whole
    assert ratio is None or 0 <= ratio <= 1
