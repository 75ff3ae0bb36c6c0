"""Ratios, loads and estimates: over what was counted, never on too little, exact in their sums."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from footprint import efficiency, shared
from footprint.allocation import Usage
from footprint.efficiency import Sample
from footprint.interval import paris_month
from footprint.shared import Rules, Spending, Split

MONTH = paris_month("2026-11")
START = datetime(2026, 11, 3, 9, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def used(consumer: str, generated: int, *, at: int = 0, **more: object) -> Usage:
    """Usage of the `at`-th quarter-hour: tokens generated alone."""
    plain = Usage(START + at * QUARTER, START + (at + 1) * QUARTER, consumer, 200, 0, generated)
    return msgspec.structs.replace(plain, **more)


def spent(energy_uj: int, *, at: int = 0, idle: bool = False) -> Spending:
    """Energy of the `at`-th quarter-hour."""
    part = "static" if idle else "dynamic"
    return Spending(START + at * QUARTER, "gpu", "GPU-1", part, "counter", energy_uj)  # type: ignore[arg-type]


def split(spending: list[Spending], usage: list[Usage]) -> Split:
    """A server's month."""
    return shared.split(Rules("server"), spending, usage, [], [MONTH])


def test_usage_without_energy_makes_no_token_cheap() -> None:
    """While the server was not metered its tokens count in no ratio."""
    usage = [used("chat", 20_000), used("chat", 80_000, at=1)]
    tokens, requests, _ = efficiency.samples(split([spent(3_600_000_000)], usage), "chat", 500)
    assert (tokens.count, tokens.energy_uj, tokens.mass_ug) == (20_000, 3_600_000_000, 500)
    assert requests.count == 200


def test_what_is_counted_in_a_part_of_the_month_has_that_part_s_energy() -> None:
    """Requests of one quarter-hour of two: its active energy, as much of the idle, of the mass."""
    usage = [used("chat", 20_000), used("chat", 20_000, at=1, requests=None)]
    found = split([spent(300), spent(100, at=1), spent(40, idle=True)], usage)
    tokens, requests, units = efficiency.samples(found, "chat", 44)
    assert (tokens.count, tokens.energy_uj) == (40_000, 440)
    assert (requests.count, requests.energy_uj, requests.mass_ug) == (200, 330, 33)
    assert units == Sample()


def test_several_servers_together_are_the_sum() -> None:
    """Counts, energies and masses; a server that does not tell is left out, not taken as zero."""
    one = Sample(100, 10, Fraction(3))
    assert one + Sample(50, 5, Fraction(1, 2)) == Sample(150, 15, Fraction(7, 2))
    assert one + Sample() == Sample() + one == one
    assert (one + Sample(1, 1, None)).mass_ug is None


def test_without_a_factor_there_is_energy_and_no_mass() -> None:
    """Grams are unknown, watt-hours are not."""
    found = split([spent(7_200_000_000)], [used("chat", 20_000)])
    ratio = efficiency.efficiency([efficiency.samples(found, "chat", None)], None)
    tokens = ratio.per_1000_generated_tokens
    assert (tokens.energy_wh, tokens.emissions_g, tokens.reason) == (Decimal("0.1"), None, None)


@pytest.mark.parametrize(
    ("generated", "reason"), [(9_999, "too_few"), (10_000, None), (None, "not_counted")]
)
def test_a_ratio_begins_at_its_least_sample(generated: int | None, reason: str | None) -> None:
    """10,000 generated tokens are enough, one less is not, and unknown is neither."""
    line = used("chat", generated or 0)
    if generated is None:
        line = used("chat", 0, prompt_tokens=None, generated_tokens=None, total_tokens=50_000)
    found = split([spent(5_000)], [line])
    ratio = efficiency.efficiency([efficiency.samples(found, "chat", 1)], None)
    assert ratio.per_1000_generated_tokens.reason == reason
    assert (ratio.per_1000_generated_tokens.energy_wh is None) == (reason is not None)


def test_loads_take_each_quarter_hour_once() -> None:
    """All consumers together decide the load; days and unknown tokens are in no bin."""
    usage = [
        used("chat", 45_000),
        used("tri", 44_999),
        used("chat", 90_000, at=1),
        used("tri", 0, at=2, prompt_tokens=None, generated_tokens=None, total_tokens=9),
    ]
    spending = [spent(1000), spent(500, at=1), spent(70, at=2), spent(20, idle=True)]
    found = efficiency.loads(split(spending, usage))
    assert [
        (one.from_per_s, one.generated_tokens, one.active_uj, one.idle_uj) for one in found
    ] == [
        (30, 89_999, 1000, 20),
        (100, 90_000, 500, 0),
    ]
    day = used("chat", 90_000_000, start=MONTH.start, end=MONTH.start + timedelta(days=1))
    early = msgspec.structs.replace(spent(9), start=MONTH.start)
    assert efficiency.loads(split([early], [day])) == []


def test_an_estimate_is_compared_with_its_own_lines() -> None:
    """Of two lines of a SIA in a block, one with an estimate: that one's part of the share."""
    usage = [
        used("chat", 100, estimated_uj=50, origin="opengatellm", model="a"),
        used("chat", 300, model="b"),
        used("tri", 400),
    ]
    found = split([spent(800), spent(80, idle=True)], usage)
    estimate = efficiency.estimate(found, "chat")
    assert estimate is not None
    assert (estimate.estimated_uj, estimate.measured_uj) == (50, 110)
    assert estimate.ratio == Decimal("0.4545")
    assert efficiency.estimate(found, "tri") is None
    assert efficiency.estimate(found) == estimate


def test_an_estimate_of_unknown_origin_says_so() -> None:
    """Anything else than OpenGateLLM may compute it in any way; without energy no ratio."""
    estimate = efficiency.estimate(split([], [used("chat", 5, estimated_uj=9, origin="api")]))
    assert estimate is not None
    assert (estimate.ratio, estimate.reasons) == (None, ["unknown_method"])
