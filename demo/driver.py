"""Sends one workload its requests, in the order and proportions of the real trace.

In: a workload's Unix socket, then one JSON line on standard input that says when to start, how long
a period is and when to end. Out: JSON lines on standard output: how the trace was scaled down
(`ready`), then what was really executed (`count`). It is a process of its own so that the
workload's cgroup holds inference alone.
"""

import argparse
import json
import random
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from demo import letters, trace

NS_PER_S = 1_000_000_000
WAIT_S = 60
CALIBRATION = 4
REPORT_EVERY_NS = NS_PER_S


class Scale(NamedTuple):
    """How far the trace is scaled down for one workload: tokens and rate are divided by these."""

    tokens: int
    rate: float


class Load(NamedTuple):
    """What one workload is asked: `load` is the share of one core aimed at, before doubling."""

    tokens_divisor: int
    characters_per_token: float
    load: float


LOADS = {
    # Two cores: both together stay under one, so that nothing queues and the load is visible.
    "chat": Load(tokens_divisor=60, characters_per_token=2.65, load=0.30),
    "tri": Load(tokens_divisor=1, characters_per_token=4.0, load=0.15),
}


def connect(path: Path) -> TextIO:
    """A conversation with the workload, as soon as it listens; gives up after `WAIT_S`."""
    deadline = time.monotonic() + WAIT_S
    while True:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            link.close()
            if time.monotonic() > deadline:
                sys.exit(f"demo: nothing listens on {path} after {WAIT_S} s")
            time.sleep(0.1)
        else:
            with link:  # the file keeps the connection open until it is closed itself
                return link.makefile("rw", encoding="utf-8")


def ask(link: TextIO, load: Load, request: trace.Request, chance: random.Random) -> dict[str, Any]:
    """Send one request of the trace, scaled; its reply."""
    tokens = trace.scaled(request.prompt_tokens, load.tokens_divisor)
    length = max(letters.SHORTEST, round(tokens * load.characters_per_token))
    text = letters.letter(chance.randrange(len(letters.NAMES)), length, chance)
    generated = trace.scaled(request.generated_tokens, load.tokens_divisor)
    link.write(json.dumps({"text": text, "generated_tokens": generated}) + "\n")
    link.flush()
    line = link.readline()
    if not line:
        sys.exit("demo: the workload closed the connection")
    reply: dict[str, Any] = json.loads(line)
    if "error" in reply:
        sys.exit(f"demo: the workload refused a request: {reply['error']}")
    return reply


def measure_ns(link: TextIO, load: Load, average: trace.Mean, chance: random.Random) -> int:
    """CPU time that the workload takes for an average request, scaled: the median of a few."""
    typical = trace.Request(0.0, round(average.prompt_tokens), round(average.generated_tokens))
    costs_ns = [ask(link, load, typical, chance)["cpu_ns"] for _ in range(CALIBRATION)]
    return int(sorted(costs_ns)[CALIBRATION // 2])


def scale_for(cost_ns: int, load: Load, average: trace.Mean) -> Scale:
    """The rate's divisor at which requests of `cost_ns` make the load aimed at."""
    unscaled_load = average.requests_per_s * cost_ns / NS_PER_S
    return Scale(load.tokens_divisor, max(0.01, round(unscaled_load / load.load, 2)))


class Plan(NamedTuple):
    """When to send: nanoseconds of the monotonic clock; `end_ns` None: until told otherwise."""

    start_ns: int
    period_ns: int
    end_ns: int | None

    def period(self, at_ns: int) -> int:
        """0 in the first, third... period, 1 in the second, fourth..."""
        return (at_ns - self.start_ns) // self.period_ns % 2


class Counts:
    """What was executed, apart for even and odd periods."""

    def __init__(self) -> None:
        self.requests, self.tokens_in, self.tokens_out = [0, 0], [0, 0], [0, 0]
        self._reported_ns = 0

    def add(self, period: int, reply: dict[str, Any]) -> None:
        self.requests[period] += 1
        self.tokens_in[period] += reply["prompt_tokens"]
        self.tokens_out[period] += reply["generated_tokens"]

    def report(self, now_ns: int, *, last: bool = False) -> None:
        """Print the counts, at most once a second."""
        if not last and now_ns - self._reported_ns < REPORT_EVERY_NS:
            return
        self._reported_ns = now_ns
        say(
            "end" if last else "count",
            requests=self.requests,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
        )


def say(event: str, **facts: Any) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


def arrivals(
    requests: list[trace.Request], scale: Scale, plan: Plan, *, doubles: bool
) -> Iterator[tuple[int, trace.Request]]:
    """Each request with the instant it is due; in odd periods twice as many, where it `doubles`."""
    due_ns = plan.start_ns
    for request in trace.endless(requests):
        faster = 2 if doubles and plan.period(due_ns) else 1
        due_ns += max(1, int(request.gap_s * scale.rate * NS_PER_S / faster))
        if plan.end_ns is not None and due_ns >= plan.end_ns:
            return
        yield due_ns, request


def drive(link: TextIO, load: Load, scale: Scale, plan: Plan, *, doubles: bool) -> None:
    """Send every request when it is due (late ones at once), and count the replies."""
    chance, counts = random.Random(plan.period_ns), Counts()
    try:
        for due_ns, request in arrivals(trace.read(), scale, plan, doubles=doubles):
            time.sleep(max(0, due_ns - time.monotonic_ns()) / NS_PER_S)
            now_ns = time.monotonic_ns()
            if plan.end_ns is not None and now_ns >= plan.end_ns:
                break
            counts.add(plan.period(now_ns), ask(link, load, request, chance))
            counts.report(now_ns)
    finally:
        counts.report(time.monotonic_ns(), last=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="demo.driver", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--sia", choices=sorted(LOADS), required=True)
    parser.add_argument("--doubles", action="store_true", help="twice the rate in odd periods")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    load, average = LOADS[arguments.sia], trace.mean(trace.read())
    link = connect(arguments.socket)
    scale = scale_for(measure_ns(link, load, average, random.Random(0)), load, average)
    say("ready", tokens_divisor=scale.tokens, rate_divisor=scale.rate, **average._asdict())
    line = sys.stdin.readline()
    if line:
        drive(link, load, scale, Plan(**json.loads(line)), doubles=arguments.doubles)


if __name__ == "__main__":
    main()
