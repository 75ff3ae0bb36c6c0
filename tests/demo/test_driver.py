"""The driver's plan: order, proportions and the doubled rate; and a whole exchange."""

import io
import random
import threading
import time
from pathlib import Path

import pytest

from demo import driver, letters, serving, trace
from demo.driver import Load, Plan, Scale

S = 1_000_000_000
REQUESTS = [trace.Request(0.5, 80, 40), trace.Request(1.5, 40, 8)]


def due_s(plan: Plan, *, doubles: bool, rate: float = 1.0) -> list[float]:
    scale = Scale(tokens=1, rate=rate)
    return [due / S for due, _ in driver.arrivals(REQUESTS, scale, plan, doubles=doubles)]


def test_requests_keep_the_traces_gaps() -> None:
    """0.5 s and 1.5 s between them, over and over, until the end."""
    assert due_s(Plan(0, 4 * S, 6 * S), doubles=False) == [0.5, 2, 2.5, 4, 4.5]


def test_the_rate_is_divided() -> None:
    """By two: gaps twice as long."""
    assert due_s(Plan(0, 4 * S, 6 * S), doubles=False, rate=2) == [1, 4, 5]


def test_the_rate_doubles_in_the_second_period() -> None:
    """Gaps half as long from 4 s on, as before again from 8 s on."""
    assert due_s(Plan(0, 4 * S, 10 * S), doubles=True) == [
        *(0.5, 2, 2.5, 4),
        *(4.25, 5, 5.25, 6, 6.25, 7, 7.25, 8),
        *(8.5,),
    ]


def test_a_letter_has_the_length_asked_for() -> None:
    """Whatever its theme."""
    assert len(letters.letter(2, 333, random.Random(1))) == 333


def test_every_reply_is_counted_in_its_period(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A workload over a real socket answers three requests: three counted, with tokens."""
    path = tmp_path / "work.sock"
    lengths: list[int] = []

    def answer(request: dict[str, object]) -> dict[str, object]:
        lengths.append(len(str(request["text"])))
        return {"prompt_tokens": 7, "generated_tokens": request["generated_tokens"]}

    threading.Thread(target=serving.serve, args=(path, answer), daemon=True).start()
    link = driver.connect(path)
    load = Load(tokens_divisor=2, characters_per_token=4.0, load=0.1)
    counts, chance = driver.Counts(), random.Random(1)
    for period, request in enumerate([REQUESTS[0], REQUESTS[1], REQUESTS[0]]):
        counts.add(period % 2, driver.ask(link, load, request, chance))
    link.close()
    assert counts.requests == [2, 1]
    assert counts.tokens_in == [14, 7]
    assert counts.tokens_out == [40, 4]
    assert lengths == [160, 80, 160]
    assert capsys.readouterr().out == "ready\n"


def test_the_load_aimed_at_sets_the_rate() -> None:
    """Requests of 40 ms at 5 a second are 20 % of a core; for 10 % the rate is divided by two."""
    load = Load(tokens_divisor=40, characters_per_token=2.0, load=0.1)
    scale = driver.scale_for(40_000_000, load, trace.Mean(5.0, 100.0, 20.0))
    assert scale == Scale(tokens=40, rate=2.0)


def test_an_end_that_has_passed_sends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The final counts are printed all the same."""
    now_ns = time.monotonic_ns()
    plan = Plan(now_ns - 10 * S, 5 * S, now_ns - 5 * S)
    driver.drive(io.StringIO(), driver.LOADS["chat"], Scale(1, 1.0), plan, doubles=False)
    out = capsys.readouterr().out
    assert '"event": "end"' in out
    assert '"requests": [0, 0]' in out
