"""What a demonstration is judged by: every check can fail."""

from typing import Any

from demo import checks
from demo.checks import Half


def statement(**energies: tuple[int, int]) -> dict[str, Any]:
    """A month with a static and a dynamic line per consumer."""
    lines = []
    for consumer, parts in energies.items():
        for part, energy_uj in zip(("static", "dynamic"), parts, strict=True):
            figure = {"energy_uj": energy_uj}
            line = {"consumer": consumer, "component": "cpu", "part": part, "figure": figure}
            lines.append(line)
    return {"lines": lines}


def test_lines_of_two_months_add_up() -> None:
    """A run over midnight of a month's end has two statements."""
    totals = checks.claimed([statement(chat=(1, 2)), statement(chat=(10, 20))])
    assert totals == {"chat": {"energy_uj": 33, "dynamic_uj": 22}}


def test_a_gpu_is_not_part_of_what_is_compared() -> None:
    """The workloads use none, and the second opinion covers CPU time."""
    facts = statement(chat=(1, 2))
    facts["lines"][0]["component"] = "gpu"
    assert checks.claimed([facts]) == {"chat": {"energy_uj": 2, "dynamic_uj": 2}}


def test_a_sia_without_energy_fails() -> None:
    """Absent and zero alike."""
    totals = {"chat": {"energy_uj": 0}, "@system": {"energy_uj": 1}, "@agent": {"energy_uj": 1}}
    held = {check.claim: check.holds for check in checks.energy_received(totals, ("chat", "tri"))}
    assert held == {
        "chat received energy": False,
        "tri received energy": False,
        "@system received energy": True,
        "@agent received energy": True,
    }


def test_one_microjoule_apart_fails() -> None:
    """On either side, and for a consumer that only one of them knows."""
    ours = {"chat": {"energy_uj": 5, "dynamic_uj": 5}, "tri": {"energy_uj": 1, "dynamic_uj": 0}}
    theirs = {"chat": {"energy_uj": 5, "dynamic_uj": 4}, "@agent": {"energy_uj": 0}}
    failed = [check.claim for check in checks.same_totals(ours, theirs) if not check.holds]
    assert failed == [
        "chat dynamic energy (statement, recomputation)",
        "tri energy (statement, recomputation)",
    ]


def ratio(energy_uj: int, *, line: bool = True) -> bool:
    energies = {"chat": {"dynamic_uj": energy_uj}, "tri": {"dynamic_uj": 1000}}
    times = {"chat": {"cpu_ns": 200}, "tri": {"cpu_ns": 100}}
    return checks.follows_cpu_time(energies, times, ("chat", "tri"), line=line).holds


def test_energies_follow_cpu_times_within_a_percent() -> None:
    """CPU times 2 to 1: energies 1.99 to 1 hold, 2.03 to 1 do not, and zero does not."""
    assert ratio(1990)
    assert not ratio(2030)
    assert not ratio(0)


def test_counters_are_not_asked_for_one_price_over_the_whole_run() -> None:
    """But for some energy all the same."""
    assert ratio(2030, line=False)
    assert not ratio(0, line=False)


def test_at_every_reading_the_price_is_one() -> None:
    """And there must be readings to compare."""
    found = {"splits": 9, "worst_percent": 0.5, "whole_percent": 3.0}
    assert checks.follows_at_every_reading(found).holds
    assert not checks.follows_at_every_reading(found | {"worst_percent": 1.5}).holds
    assert not checks.follows_at_every_reading(found | {"splits": 0}).holds


def doubled(first: Half, second: Half) -> bool:
    halves = {"chat": (Half(5, 5, 5), Half(5, 5, 5)), "tri": (first, second)}
    return checks.doubling_shows(halves, "tri").holds


def test_a_doubled_rate_must_show() -> None:
    """Twice the energy does; a tenth more, no more requests, or nothing at first does not."""
    assert doubled(Half(100, 1, 10), Half(200, 2, 20))
    assert not doubled(Half(100, 1, 10), Half(110, 2, 20))
    assert not doubled(Half(100, 1, 10), Half(200, 2, 10))
    assert not doubled(Half(0, 0, 0), Half(200, 2, 20))
