"""Law 1 for shared servers: whatever was asked of them, each cell's energy is somebody's, once."""

from collections import Counter
from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from footprint import shared
from footprint.allocation import DEFAULT, TokenWeights, Usage
from footprint.codes import UNATTRIBUTED
from footprint.interval import Interval, paris_month
from footprint.shared import Rules, Spending, Split

MONTH = paris_month("2026-11")
MIDDLE = MONTH.start + timedelta(days=10)
PIECES = [Interval(MONTH.start, MIDDLE), Interval(MIDDLE, MONTH.end)]
QUARTER = timedelta(minutes=15)
BEGIN = MIDDLE - 4 * QUARTER
BOARDS = {"GPU-a": "large", "GPU-b": "small"}

spendings = st.builds(
    lambda at, device, part, quality, energy_uj: Spending(
        BEGIN + at * QUARTER, *device, part, quality, energy_uj
    ),
    st.integers(0, 7),
    st.sampled_from(
        [("gpu", "GPU-a"), ("gpu", "GPU-b"), ("gpu", "GPU-c"), ("cpu", "package-0"), ("dram", "d")]
    ),
    st.sampled_from(["static", "dynamic", "undivided"]),
    st.sampled_from(["counter", "integrated", "modelled"]),
    st.one_of(st.integers(0, 9), st.integers(0, 2**50)),
)
tokens = st.one_of(st.integers(0, 9), st.integers(0, 10**7))


@st.composite
def usages(draw: st.DrawFn, *, apart: bool = False) -> Usage:
    """Usage of a quarter-hour, a part of one, or the day before or after the middle."""
    when = draw(st.sampled_from(["quarter", "quarter", "part", "day"]))
    start = BEGIN + draw(st.integers(0, 7)) * QUARTER
    end = start + QUARTER
    if when == "part":
        start, end = start + timedelta(minutes=3), start + timedelta(minutes=7)
    elif when == "day":
        day = timedelta(days=1)
        start, end = (MIDDLE - day, MIDDLE) if start < MIDDLE else (MIDDLE, MIDDLE + day)
    whole = not apart and draw(st.booleans())
    prompt = draw(tokens)
    return Usage(
        start=start,
        end=end,
        consumer=draw(st.sampled_from(["carte", "chat", "tri", UNATTRIBUTED])),
        requests=draw(st.one_of(st.none(), st.integers(0, 50))),
        prompt_tokens=None if whole else prompt,
        generated_tokens=None if whole else draw(tokens),
        cached_tokens=0 if whole else draw(st.integers(0, prompt)),
        total_tokens=draw(tokens) if whole else None,
        model=draw(st.sampled_from(["large", "small", "other"])),
    )


weights = st.builds(TokenWeights, st.integers(1, 5000), st.integers(1, 90_000))
rules = st.builds(
    Rules,
    st.just("serveur"),
    st.one_of(st.just(DEFAULT), weights),
    st.sampled_from(["use", "none"]),
    st.sampled_from([{}, BOARDS, {"GPU-a": "large"}]),
)
months = st.tuples(
    rules,
    st.lists(spendings, max_size=25),
    st.lists(usages(), max_size=12),
    st.lists(usages(), max_size=4),
)
Month = tuple[Rules, list[Spending], list[Usage], list[Usage]]


def divided(month: Month) -> Split:
    """The month, divided."""
    return shared.split(*month, PIECES)


@given(months)
def test_each_cell_is_conserved_whatever_the_usage(month: Month) -> None:
    """For each piece of the month, component, part and quality: what comes out is what went in."""
    split = divided(month)
    for piece, cells in zip(PIECES, split.cells, strict=True):
        before: Counter[tuple[str, ...]] = Counter()
        for one in month[1]:
            if piece.start <= one.start < piece.end:
                before[one.component, one.part, one.quality] += one.energy_uj
        after: Counter[tuple[str, ...]] = Counter()
        for cell in cells:
            after[cell.component, cell.part, cell.quality] += cell.energy_uj
            assert cell.via == (None if cell.consumer == "serveur" else "serveur")
        assert +after == +before


@given(months)
def test_the_sums_of_a_split_are_those_of_its_cells(month: Month) -> None:
    """Shares, what stays, active and idle: each is the sum of its cells, and all are the whole."""
    split = divided(month)
    sums: Counter[tuple[str, bool]] = Counter()
    for cells in split.cells:
        for cell in cells:
            sums[cell.consumer, cell.part == "static"] += cell.energy_uj
    for consumer, share in split.shares.items():
        assert (sums[consumer, False], sums[consumer, True]) == (share.active_uj, share.idle_uj)
        assert share.least_uj <= share.active_uj <= share.most_uj
    assert sums["serveur", False] == split.stays_active_uj
    assert sums["serveur", True] == split.stays_idle_uj
    assert split.active_uj + split.idle_uj == sum(one.energy_uj for one in month[1])
    assert sum(split.idle_by_quarter_uj.values()) == split.idle_uj
    if month[0].idle == "none":
        assert split.stays_idle_uj == split.idle_uj


@given(months)
def test_who_asked_nothing_gets_nothing(month: Month) -> None:
    """Energy reaches only consumers with tokens that weigh, and the server itself."""
    split = divided(month)
    asked = {one.consumer for one in month[2] if one.tokens > one.cached_tokens}
    got = {cell.consumer for cells in split.cells for cell in cells}
    assert got - {"serveur", UNATTRIBUTED} <= asked
    if not month[3]:
        assert got - {"serveur"} <= asked


@given(months)
def test_two_servers_and_one_consumer_of_both_add_up(month: Month) -> None:
    """What a consumer has of each server is its own split's; together they are both servers'."""
    other = (msgspec.structs.replace(month[0], code="second"), *month[1:])
    cells = [cell for one in (month, other) for part in divided(one).cells for cell in part]
    assert sum(cell.energy_uj for cell in cells) == 2 * sum(one.energy_uj for one in month[1])
    for name in ("carte", "chat", "tri"):
        via = [sum(c.energy_uj for c in cells if (c.consumer, c.via) == (name, code))
               for code in ("serveur", "second")]  # fmt: skip
        assert via[0] == via[1]


@given(
    rules,
    st.lists(spendings, min_size=1, max_size=12),
    st.lists(usages(apart=True), min_size=1, max_size=8),
    st.integers(0, 7),
    st.tuples(st.integers(1, 10**7), st.integers(0, 10**7)),
)
def test_more_usage_of_one_never_raises_anothers_share(
    rule: Rules, spending: list[Spending], usage: list[Usage], place: int, more: tuple[int, int]
) -> None:
    """In the same block others get as much or less: but for the one microjoule a cell that the
    largest remainder may move."""
    one = usage[place % len(usage)]
    grown = msgspec.structs.replace(
        one,
        prompt_tokens=(one.prompt_tokens or 0) + more[0],
        generated_tokens=(one.generated_tokens or 0) + more[1],
    )
    after = [grown if line is one else line for line in usage]
    cells = len({(s.component, s.part, s.quality) for s in spending})
    for old, new in zip(
        divided((rule, spending, usage, [])).divided,
        divided((rule, spending, after, [])).divided,
        strict=True,
    ):
        assert (old.start, old.group, old.energy_uj) == (new.start, new.group, new.energy_uj)
        for consumer in old.shares_uj.keys() - {one.consumer}:
            assert new.shares_uj.get(consumer, 0) <= old.shares_uj[consumer] + cells


@given(months, st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_nothing(month: Month, chance) -> None:  # type: ignore[no-untyped-def]
    """Several gateways may tell of a server in any order."""
    mixed = (month[0], *(chance.sample(part, len(part)) for part in month[1:]))
    assert divided(mixed).cells == divided(month).cells  # type: ignore[arg-type]
    assert divided(mixed).shares == divided(month).shares  # type: ignore[arg-type]
