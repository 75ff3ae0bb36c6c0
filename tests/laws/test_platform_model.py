"""Law 3 for a platform that nobody measures: a range that holds its mean, or nothing at all."""

from hypothesis import given
from hypothesis import strategies as st

from footprint.platform_model import (
    DAY_LEAST_US,
    LEAST_US,
    HostDay,
    Likeness,
    Unmetered,
    modelled,
)

LIKE = Likeness("Maker 9000", "Processor", (("cpu", 2),), ())
HOSTS = [f"host-{number}" for number in range(4)]
days = st.lists(
    st.builds(
        HostDay,
        st.sampled_from(HOSTS),
        st.just("2026-11-11"),
        st.integers(-(10**14), 10**14),
        st.integers(1, 90_000_000_000),
    ),
    max_size=12,
)


@given(days, st.integers(0, 2_700_000_000_000))
def test_the_mean_lies_in_the_range_and_too_little_gives_none(
    found: list[HostDay], covered_us: int
) -> None:
    """Of power and of energy; negative and short days take no part; never below zero."""
    fit = [day for day in found if day.common_us >= DAY_LEAST_US and day.platform_uj >= 0]
    likenesses = dict.fromkeys([*HOSTS, "bare"], LIKE)
    models = modelled(found, likenesses, {"bare": Unmetered(7, covered_us)})
    assert len(models) == (sum(day.common_us for day in fit) >= LEAST_US)
    for one in models:
        assert 0 <= one.power_low_uw <= one.power_uw <= one.power_high_uw
        assert 0 <= one.energy_low_uj <= one.energy_uj <= one.energy_high_uj
        assert one.from_hosts == sorted({day.host_id for day in fit})
        assert (one.hosts, one.components_uj) == (["bare"], 7)


@given(days)
def test_a_host_unlike_all_others_gets_nothing(found: list[HostDay]) -> None:
    """Nor does one whose model nobody knows."""
    other = Likeness("Maker 9000", "Processor", (("cpu", 1),), ())
    likenesses = dict.fromkeys(HOSTS, LIKE) | {"bare": other}
    assert modelled(found, likenesses, {"bare": Unmetered(7, 1), "unknown": Unmetered(7, 1)}) == []
