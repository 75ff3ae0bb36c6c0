"""Law 1: the shares of all consumers add up to the metered energy, under `==`."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from footprint.attribution import Parts, attribute, divide
from footprint.codes import SYSTEM

energies_uj = st.one_of(st.integers(0, 1000), st.integers(0, 2**53), st.integers(0, 10**40))
weights = st.one_of(st.just(0), st.integers(0, 10), st.integers(0, 2**63), st.integers(0, 10**40))
crowds = st.dictionaries(st.text("abc@-", min_size=1, max_size=4), weights, max_size=40)


@given(energies_uj, crowds)
def test_shares_add_up_for_any_weights(energy_uj: int, crowd: dict[str, int]) -> None:
    """No weights, zero weights, one or many consumers, energies past any counter: equal sums."""
    assert sum(attribute(energy_uj, crowd).values()) == energy_uj


@given(energies_uj, st.integers(1000, 5000), st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_shares_add_up_over_thousands_of_consumers(energy_uj, count, chance) -> None:  # type: ignore[no-untyped-def]
    """Also where there are more consumers than microjoules."""
    crowd = {f"sia-{n}": chance.choice([0, 1, 7, 10**9, 10**18]) for n in range(count)}
    shares = attribute(energy_uj, crowd)
    assert sum(shares.values()) == energy_uj
    assert min(shares.values()) >= 0


@given(energies_uj, crowds)
def test_each_share_is_within_one_microjoule_of_exact(
    energy_uj: int, crowd: dict[str, int]
) -> None:
    """Rounding moves less than one microjoule of anybody's exact share."""
    total = sum(crowd.values())
    if not total:
        return
    shares = attribute(energy_uj, crowd)
    for code, weight in crowd.items():
        exact = Fraction(energy_uj * weight, total)
        assert abs(shares.get(code, 0) - exact) < 1


@given(energies_uj, crowds)
def test_a_larger_weight_never_gets_less(energy_uj: int, crowd: dict[str, int]) -> None:
    """Shares stand in the order of the weights, equal weights in the order of their codes."""
    shares = attribute(energy_uj, crowd)
    ranked = sorted((-weight, code) for code, weight in crowd.items() if weight)
    ordered = [shares[code] for _, code in ranked]
    assert ordered == sorted(ordered, reverse=True)


@given(energies_uj, crowds, st.randoms(use_true_random=False))
def test_the_order_of_consumers_changes_nothing(energy_uj, crowd, chance) -> None:  # type: ignore[no-untyped-def]
    """Two hosts that list the same weights in another order write the same entries."""
    items = list(crowd.items())
    chance.shuffle(items)
    assert attribute(energy_uj, dict(items)) == attribute(energy_uj, crowd)


@given(energies_uj, crowds, st.integers(1, 10**12))
def test_the_unit_of_the_weights_changes_nothing(
    energy_uj: int, crowd: dict[str, int], scale: int
) -> None:
    """Microseconds or nanoseconds of CPU time: the same shares."""
    scaled = {code: weight * scale for code, weight in crowd.items()}
    assert attribute(energy_uj, scaled) == attribute(energy_uj, crowd)


@given(energies_uj, crowds)
def test_a_weight_of_zero_gets_nothing(energy_uj: int, crowd: dict[str, int]) -> None:
    """Who did nothing pays nothing; where nobody did anything the fallback takes all."""
    shares = attribute(energy_uj, crowd, "fallback")
    if any(crowd.values()):
        assert set(shares) == {code for code, weight in crowd.items() if weight}
    else:
        assert shares == {"fallback": energy_uj}


@given(
    energy_uj=st.integers(0, 10**15),
    duration_ns=st.integers(0, 10**12),
    floor_uw=st.one_of(st.none(), st.integers(0, 10**9)),
    static_weights=crowds,
    dynamic_weights=crowds,
)
def test_a_divided_device_adds_up(
    energy_uj: int,
    duration_ns: int,
    floor_uw: int | None,
    static_weights: dict[str, int],
    dynamic_weights: dict[str, int],
) -> None:
    """Static, dynamic and undivided parts together are the metered energy; no share is empty."""
    parts = divide(
        energy_uj,
        duration_ns,
        floor_uw=floor_uw,
        static_weights=static_weights,
        dynamic_weights=dynamic_weights,
    )
    assert sum(sum(shares.values()) for shares in parts.values()) == energy_uj
    assert all(share_uj > 0 for shares in parts.values() for share_uj in shares.values())
    _check_parts(parts, energy_uj, duration_ns, floor_uw)


def _check_parts(parts: Parts, energy_uj: int, duration_ns: int, floor_uw: int | None) -> None:
    if floor_uw is None:
        assert set(parts) <= {"undivided"}
    else:
        static_uj = sum(parts.get("static", {}).values())
        assert static_uj == min(floor_uw * duration_ns // 10**9, energy_uj)
        assert "undivided" not in parts


@given(energies_uj, st.lists(crowds, min_size=1, max_size=4))
def test_a_split_of_a_split_adds_up(energy_uj: int, levels: list[dict[str, int]]) -> None:
    """Allocation downstream splits shares by the same function: still nothing is lost."""
    parts = {"": energy_uj}
    for crowd in levels:
        parts = {
            f"{outer}/{inner}": share
            for outer, part_uj in parts.items()
            for inner, share in attribute(part_uj, crowd, SYSTEM).items()
            if share
        }
        assert sum(parts.values()) == energy_uj
        parts = dict(sorted(parts.items(), key=lambda item: -item[1])[:5])
        energy_uj = sum(parts.values())
