"""Making the hardware: never more than the whole, on whoever used it, and said where unknown."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footprint import embodied, embodied_figures
from footprint.applied import FactorUse
from footprint.embodied import MAKINGS, Machine, Part, Spread, Used, life, written_off
from footprint.embodied_figures import Carried, Made
from footprint.embodied_statement import Embodied
from footprint.factor_table import parse
from footprint.factors import UNITS_OF_HARDWARE
from footprint.figures import Named
from footprint.interval import PARIS, Interval
from tests.footprint.test_impact import factor

FIRST = date(2026, 1, 1)
NAMED = Named({"chat": "Chat", "tri": "Tri"}, {"albert": "Albert"})
NOVEMBER = Interval(datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC))
MACHINE = Machine("gpu-01", "Server", FIRST, None, 5, [Part("gpu/b", 8), Part("server/s", 1)])


def of(value: str, low: str | None = None, high: str | None = None) -> FactorUse:
    spread = {
        name: None if one is None else Decimal(one) for name, one in (("low", low), ("high", high))
    }
    return msgspec.structs.replace(factor(value), uncertainty_percent=None, **spread)


def known(part: str, indicator: str) -> FactorUse | None:
    """Greenhouse gases of both parts, metals of the host alone, nothing else."""
    return {
        ("gpu/b", "gwp"): of("500", "400", "700"),
        ("server/s", "gwp"): of("5700"),
        ("server/s", "adpe"): of("0.37"),
    }.get((part, indicator))


def value(found: Embodied) -> int:
    month = found.month["emissions_ug"]
    assert month is not None
    return month.value


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS).astimezone(UTC)


@given(
    st.integers(0, 10**18),
    st.integers(1, 20),
    st.lists(st.integers(-(10**7), 7 * 10**8), min_size=2, max_size=8),
)
def test_the_parts_add_up_to_the_whole_and_never_more(
    whole: int, years: int, seconds: list[int]
) -> None:
    """However a time is cut, in and around a life."""
    of_it = life(FIRST, years)
    instants = [of_it.start + timedelta(seconds=one) for one in sorted(seconds)]
    spans = [Interval(start, end) for start, end in pairwise(instants)]
    parts = [written_off(whole, of_it, span) for span in spans]
    assert all(part >= 0 for part in parts)
    assert sum(parts) == written_off(whole, of_it, Interval(instants[0], instants[-1])) <= whole
    assert written_off(whole, of_it, of_it) == whole


def test_a_life_is_whole_years() -> None:
    """Of 29 February, to 1 March where there is none."""
    assert life(FIRST, 5).end == paris("2031-01-01")
    assert life(date(2028, 2, 29), 4).end == paris("2032-02-29")
    assert life(date(2028, 2, 29), 5).end == paris("2033-03-01")


used_by = st.dictionaries(
    st.sampled_from(["chat", "tri", "albert", "@idle", "@system"]),
    st.builds(Used, st.integers(0, 10**12), st.integers(0, 10**12)),
)


@given(
    used_by.filter(lambda used: not embodied.unsplit(used)),
    st.dictionaries(st.sampled_from(["chat", "tri", "albert"]), st.integers(0, 10**9)),
)
def test_all_of_it_falls_on_somebody(used: dict[str, Used], server: dict[str, int]) -> None:
    """Consumers add up to the machine; what falls on a server, to its users and it; projects, to
    their SIA."""
    made = Made([MACHINE], {"gpu-01": used}, known, NOVEMBER, NOVEMBER)
    carried = Carried(NAMED, {"albert": server})
    whole = embodied_figures.gather(made, carried, ["gpu-01"])
    share = embodied.share(MACHINE, known, used, NOVEMBER)
    assert whole.month["emissions_ug"] == share.span["emissions_ug"]
    known_ug = [one.month["emissions_ug"].value for one in whole.consumers]
    assert sum(known_ug) == value(whole)
    shares = {"chat": {"a": 333, "b": 667}, "tri": {"b": 500, "": 500}}
    parts = [
        embodied_figures.gather(
            made,
            msgspec.structs.replace(
                carried, consumers={"chat", "tri"}, project=project, by_project=shares
            ),
            ["gpu-01"],
        )
        for project in ("a", "b", "")
    ]
    own = embodied_figures.gather(
        made, msgspec.structs.replace(carried, consumers={"chat", "tri"}), ["gpu-01"]
    )
    assert sum(value(one) for one in parts) == value(own)


def test_who_used_nothing_carries_nothing_and_nobody_is_idle() -> None:
    share = embodied.share(MACHINE, known, {}, NOVEMBER)
    assert set(share.by_consumer) == {"@idle"}
    without_boards = {"chat": Used(0, 3), "tri": Used(0, 1)}
    by = embodied.share(MACHINE, known, without_boards, NOVEMBER).by_consumer
    ratio = by["chat"]["emissions_ug"].value / by["tri"]["emissions_ug"].value
    assert ratio == pytest.approx(3)


def test_what_lacks_a_factor_is_not_available_and_named() -> None:
    """Of that measure alone; a host that nobody declared is named too."""
    made = Made([MACHINE], {}, known, NOVEMBER, NOVEMBER)
    found = embodied_figures.gather(made, Carried(NAMED, {}), ["gpu-01", "gpu-02"])
    assert found.without_hosts == ["gpu-02"]
    assert found.without_parts == {
        "adpe_pg": ["gpu/b"],
        "primary_energy_uj": ["gpu/b", "server/s"],
    }
    assert found.hosts[0].month["adpe_pg"] is None
    assert found.hosts[0].whole["emissions_ug"] == Spread(9700 * 10**9, 8900 * 10**9, 11300 * 10**9)
    assert found.month["adpe_pg"] is None
    assert all("adpe_pg" not in one.month for one in found.consumers)
    some = Carried(NAMED, {}, consumers={"chat"})
    nobody = embodied_figures.gather(made, some, [])
    assert set(nobody.month.values()) == {Spread(0, 0, 0)}
    assert not nobody.without_parts
    elsewhere = embodied_figures.gather(made, some, ["gpu-02"])
    assert set(elsewhere.month.values()) == {None}
    assert not elsewhere.scenarios
    own = embodied_figures.gather(made, some, ["gpu-01"])
    assert (own.month["emissions_ug"], own.month["adpe_pg"]) == (Spread(0, 0, 0), None)
    assert set(own.without_parts) == set(found.without_parts)
    years = {one.years: one.emissions_ug for one in found.scenarios}
    assert years[5] == value(found)
    assert years[3] > years[4] > years[5] > years[6] > years[7]


def test_a_machine_out_of_service_counts_until_then() -> None:
    gone = msgspec.structs.replace(MACHINE, last=date(2026, 11, 16))
    half = Interval(NOVEMBER.start, paris("2026-11-16"))
    expected = embodied.share(MACHINE, known, {}, half).span
    assert embodied.share(gone, known, {}, NOVEMBER).span == expected
    before = msgspec.structs.replace(MACHINE, last=date(2026, 3, 1))
    assert embodied.share(before, known, {}, NOVEMBER).span["emissions_ug"] == Spread(0, 0, 0)


@pytest.mark.parametrize("days", [("2027-01-01", None), ("2020-01-01", "2026-11-01")])
def test_hardware_of_another_time_says_nothing_of_the_month(days: tuple[str, str | None]) -> None:
    """Of a host that was used in it: unknown, not zero."""
    first, last = (date.fromisoformat(day) if day else None for day in days)
    assert first is not None
    other = msgspec.structs.replace(MACHINE, first=first, last=last)
    made = Made([other], {"gpu-01": {"chat": Used(1, 1)}}, known, NOVEMBER, NOVEMBER)
    for carried in (Carried(NAMED, {}), Carried(NAMED, {}, consumers={"chat"})):
        found = embodied_figures.gather(made, carried, ["gpu-01"])
        assert found.without_hosts == ["gpu-01"]
        assert set(found.month.values()) == {None}
        assert not found.hosts
        assert not found.factors


def test_whose_it_is_while_nobody_knows_who_used_a_host() -> None:
    """In the sum, on nobody; of some consumers nothing is said."""
    made = Made([MACHINE], {"gpu-01": {"chat": Used(0, 0)}}, known, NOVEMBER, NOVEMBER)
    whole = embodied_figures.gather(made, Carried(NAMED, {}), ["gpu-01"])
    assert [one.consumer for one in whole.consumers] == ["@unattributed"]
    assert whole.without_use == ["gpu-01"]
    assert whole.month["emissions_ug"] == whole.consumers[0].month["emissions_ug"]
    some = embodied_figures.gather(made, Carried(NAMED, {}, consumers={"chat"}), ["gpu-01"])
    assert (some.without_use, some.without_hosts) == (["gpu-01"], [])
    assert set(some.month.values()) == {None}


def test_gases_that_are_unknown_are_so_in_every_number_of_years() -> None:
    def none(part: str, indicator: str) -> None:
        return None

    made = Made([MACHINE], {}, none, NOVEMBER, NOVEMBER)
    found = embodied_figures.gather(made, Carried(NAMED, {}), ["gpu-01"])
    assert {one.emissions_ug for one in found.scenarios} == {None}


def test_an_uncertainty_above_the_value_reaches_down_to_zero() -> None:
    def wide(part: str, indicator: str) -> FactorUse | None:
        use = known(part, indicator)
        return use and msgspec.structs.replace(
            use, low=None, high=None, uncertainty_percent=Decimal(150)
        )

    share = embodied.share(MACHINE, wide, {}, NOVEMBER)
    month = share.span["emissions_ug"]
    assert month is not None
    assert month.low == 0 < month.value < month.high


def test_what_ships_is_of_parts_with_their_spread() -> None:
    """Each in the unit of its measure; H100 by its published figures."""
    text = files("footprint.service").joinpath("data/hardware.csv").read_text("utf-8")
    found = parse(text, datetime(2026, 11, 23, tzinfo=UTC))
    assert {UNITS_OF_HARDWARE[one.indicator] == one.unit for one in found} == {True}
    h100 = next(one for one in found if one.subject == "hardware/gpu/h100")
    assert (h100.low, h100.value, h100.high) == (Decimal(164), Decimal(273), Decimal(575))
    assert set(embodied.INDICATOR_OF) == set(MAKINGS)
