"""Nothing lost, nothing twice: what pages hold is what counters showed, but for their restarts."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporters.gateway.tally import Tally
from tests.gateway.house import START_US, Bench, bench, litellm, newest, serving, verified
from tests.gateway.house import settings as reader_settings
from tests.gateway.house import tokens as tokens_of
from tests.running import page_bodies


class Truth:
    """A gateway's counters of two teams, and what no reader can know any more."""

    def __init__(self) -> None:
        self.shown = {"Accueil": (0, 0, 0, 0), "Tri": (0, 0, 0, 0)}
        self.since = {"Accueil": (0, 0, 0), "Tri": (0, 0, 0)}
        self.known = {"Accueil": (0, 0, 0), "Tri": (0, 0, 0)}
        self.started = START_US / 1e6 - 1000

    def ask(self, team: str, prompt: int, cached: int, generated: int) -> None:
        """One request."""
        requests, prompted, made, reused = self.shown[team]
        self.shown[team] = (requests + 1, prompted + prompt, made + generated, reused + cached)
        before = self.since[team]
        self.since[team] = (before[0] + prompt, before[1] + cached, before[2] + generated)

    def seen(self) -> None:
        """Somebody looked."""
        for team, since in self.since.items():
            known = self.known[team]
            self.known[team] = (known[0] + since[0], known[1] + since[1], known[2] + since[2])
            self.since[team] = (0, 0, 0)

    def restart(self, at_us: int) -> None:
        """The counters begin anew; what nobody saw is lost with them."""
        self.shown = dict.fromkeys(self.shown, (0, 0, 0, 0))
        self.since = dict.fromkeys(self.since, (0, 0, 0))
        self.started = at_us / 1e6


event = st.one_of(
    st.tuples(
        st.just("ask"),
        st.sampled_from(["Accueil", "Tri"]),
        st.integers(0, 10**6),
        st.integers(0, 10**6),
        st.integers(0, 10**5),
    ),
    st.tuples(st.just("look"), st.integers(1, 2500)),
    st.tuples(st.just("look"), st.integers(1, 20)),
    st.sampled_from([("outage",), ("back",), ("gateway restart",), ("reader restart",)]),
)


def play(run: Bench, web, truth: Truth, what: tuple) -> None:  # type: ignore[no-untyped-def, type-arg]
    """One event."""
    if what[0] == "ask":
        _, team, prompt, cached, generated = what
        truth.ask(team, prompt, min(cached, prompt), generated)
    elif what[0] == "look":
        run.now_us += what[1] * 1_000_000
        web.text = litellm(truth.shown, truth.started)
        run.look()
        if not web.down:
            truth.seen()
    elif what[0] == "gateway restart":
        run.now_us += 1_000_000
        truth.restart(run.now_us)
        run.now_us += 1_000_000
    elif what[0] == "reader restart":
        run.restart()
    else:
        web.down = what[0] == "outage"


@pytest.mark.slow
@settings(max_examples=30)
@given(st.lists(event, max_size=30))
def test_pages_hold_what_the_counters_showed(events: list[tuple]) -> None:  # type: ignore[type-arg]
    """Whatever the order of looks, outages, restarts of the gateway and of the reader: the newest
    pages add up to all that was asked, less what was lost at restarts; and every chain verifies."""
    with tempfile.TemporaryDirectory() as folder, serving() as web:
        truth = Truth()
        web.text = litellm(truth.shown, truth.started)
        with bench(reader_settings(Path(folder), web.url)) as run:
            run.look()
            for what in [*events, ("back",), ("look", 60), ("look", 2500)]:
                play(run, web, truth, what)
            end_us = run.now_us - run.now_us % 900_000_000 + 900_000_000
            run.look(end_us - START_US)
        counted = tokens_of(newest(verified(page_bodies(run.spool))))
    expected = {"accueil": truth.known["Accueil"], "tri": truth.known["Tri"]}
    asked = {name: numbers for name, numbers in expected.items() if any(numbers)}
    assert {name: counted.get(name, (0, 0, 0)) for name in asked} == asked
    assert counted.keys() <= expected.keys()


numbers = st.integers(0, 10**9)


@given(
    st.builds(
        Tally,
        requests=st.none() | numbers,
        prompt=numbers,
        cached=numbers,
        generated=numbers,
        estimated_uj=st.none() | numbers,
        estimated_ug=st.none() | numbers,
    ),
    st.lists(st.integers(1, 10**9), min_size=1, max_size=8),
)
@example(Tally(prompt=11, cached=10), [6, 6, 2])  # the last gets 1 of 11, but 2 of 10
def test_parts_of_a_tally_add_up_to_it(tally: Tally, weights: list[int]) -> None:
    """Every number under `==`; no part has more cached than prompted where the whole has not."""
    parts = tally.spread({str(place): weight for place, weight in enumerate(weights)})
    for name in ("requests", "prompt", "cached", "generated", "estimated_uj", "estimated_ug"):
        values = [getattr(part, name) for part in parts.values()]
        whole = getattr(tally, name)
        assert values == [None] * len(values) if whole is None else sum(values) == whole
    if tally.cached <= tally.prompt:
        assert all(part.cached <= part.prompt for part in parts.values())
