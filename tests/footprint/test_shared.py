"""A shared server's month by example: blocks, models, what stays, idle energy."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from footprint import shared
from footprint.allocation import Usage
from footprint.interval import Interval, paris_day, paris_month
from footprint.shared import Rules, Spending, Split

MONTH = paris_month("2026-11")
START = datetime(2026, 11, 3, 9, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
DAY = paris_day(START.date())
TWO = Rules("server", boards={"GPU-a": "large", "GPU-b": "small"})


def used(consumer: str, tokens: int, model: str = "") -> Usage:
    """Prompt tokens of the first quarter-hour."""
    return Usage(START, START + QUARTER, consumer, 1, tokens, 0, model=model)


def spent(energy_uj: int, *, device: str = "GPU-a", at: int = 0, idle: bool = False) -> Spending:
    """Energy of a board, or of the package where `device` is one."""
    component = "gpu" if device.startswith("GPU") else "cpu"
    part = "static" if idle else "dynamic"
    start = START + at * QUARTER
    return Spending(start, component, device, part, "counter", energy_uj)  # type: ignore[arg-type]


def shares(found: Split) -> dict[tuple[str, str], int]:
    """Energy by consumer and component."""
    sums: dict[tuple[str, str], int] = {}
    for cells in found.cells:
        for cell in cells:
            key = (cell.consumer, cell.component)
            sums[key] = sums.get(key, 0) + cell.energy_uj
    return sums


def test_usage_of_a_part_of_a_quarter_hour_counts_for_all_of_it() -> None:
    """A reader that began in the middle: the page of energy has the whole."""
    minute = timedelta(minutes=1)
    early = replace(used("chat", 1), start=START + minute, end=START + 4 * minute)
    late = replace(used("tri", 3), start=START + 9 * minute)
    found = shared.split(Rules("server"), [spent(400)], [late, early], [], [MONTH])
    assert shares(found) == {("chat", "gpu"): 100, ("tri", "gpu"): 300}


def test_a_day_takes_its_quarter_hours_with_it_and_no_others() -> None:
    """A daily export: energy of that day of Paris is divided together, the next day's stays."""
    day = replace(used("chat", 1), start=DAY.start, end=DAY.end)
    tomorrow = replace(spent(7), start=DAY.end)
    found = shared.split(Rules("server"), [spent(1), spent(2, at=9), tomorrow], [day], [], [MONTH])
    assert shares(found) == {("chat", "gpu"): 3, ("server", "gpu"): 7}
    assert (found.active_uj, found.stays_active_uj) == (10, 7)


def test_idle_energy_follows_the_active_energy_that_stayed_too() -> None:
    """Half of the active energy has no usage: half of the idle energy is nobody's."""
    spending = [spent(50), spent(50, at=1), spent(200, idle=True)]
    found = shared.split(Rules("server"), spending, [used("chat", 1)], [], [MONTH])
    assert (found.shares["chat"].idle_uj, found.stays_idle_uj) == (100, 100)


def test_idle_energy_of_one_piece_follows_the_whole_month() -> None:
    """A factor or a share that changes within the month does not move it."""
    pieces = [Interval(MONTH.start, DAY.start), Interval(DAY.start, MONTH.end)]
    early = replace(spent(60, idle=True), start=MONTH.start)
    found = shared.split(Rules("server"), [early, spent(1)], [used("chat", 1)], [], pieces)
    assert [[(c.consumer, c.energy_uj) for c in cells] for cells in found.cells] == [
        [("chat", 60)],
        [("chat", 1)],
    ]


def test_boards_and_models_that_are_not_mapped_go_together() -> None:
    """And a mapped model's users pay nothing for them."""
    rules = replace(TWO, boards={"GPU-a": "large"})
    usage = [used("chat", 1, "large"), used("tri", 1, "new"), used("carte", 1, "newer")]
    found = shared.split(rules, [spent(10), spent(8, device="GPU-z")], usage, [], [MONTH])
    assert shares(found) == {("carte", "gpu"): 4, ("chat", "gpu"): 10, ("tri", "gpu"): 4}


def test_a_board_whose_model_nobody_asked_stays_with_its_idle_energy() -> None:
    """The other model's users pay for neither."""
    spending = [
        spent(30),
        spent(10, device="GPU-b"),
        spent(5, idle=True),
        spent(7, device="GPU-b", idle=True),
    ]
    found = shared.split(TWO, spending, [used("chat", 1, "large")], [], [MONTH])
    assert shares(found) == {("chat", "gpu"): 35, ("server", "gpu"): 17}


def test_while_no_board_is_known_the_package_stays() -> None:
    """Whose model it worked for cannot be told."""
    usage = [used("chat", 1, "large"), used("tri", 1, "other")]
    found = shared.split(TWO, [spent(9, device="package-0")], usage, [], [MONTH])
    assert shares(found) == {("server", "cpu"): 9}


def test_energy_of_another_month_is_refused() -> None:
    """It would be lost between the pieces."""
    with pytest.raises(ValueError, match="outside of the month"):
        shared.split(Rules("server"), [replace(spent(1), start=MONTH.end)], [], [], [MONTH])
