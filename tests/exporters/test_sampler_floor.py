"""A floor found while metering: which page tells it, and what it divides."""

from footprint.floor import Rest
from footprint.interval import to_us
from tests.exporters.sampled import KEY, START, Host, S, energies


def resting_host() -> Host:
    """Pages of 120 s; 50 W for 100 s without work; then 80 W and a CPU used whole."""
    host = Host(page_seconds=120)
    track = host.sampler.tracks[KEY]
    track.rest = Rest()
    for second in range(101):
        host.tick(second * S, 50 * second * S)
    for second in range(101, 131):
        busy_ns = (second - 100) * 10**9
        host.tick(second * S, (5000 + 80 * (second - 100)) * S, chat_ns=busy_ns, host_ns=busy_ns)
    return host


def test_a_minute_of_rest_is_the_floor_of_the_next_page() -> None:
    """The page in which it was measured stays undivided; the next one tells floor, date and how,
    and divides by it."""
    before, after = resting_host().end(130 * S)
    assert {entry.part for entry in before.entries} == {"undivided"}
    assert before.sensors[0].floor_uw is None
    state = after.sensors[0]
    assert (state.floor_uw, to_us(state.floor_at) - START) == (50 * S, 60 * S)
    assert "minute of rest" in state.parameters["floor"]
    assert {(entry.consumer, entry.part): entry.energy_uj for entry in after.entries} == {
        ("@system", "static"): 10 * 50 * S,
        ("chat", "dynamic"): 10 * 30 * S,
    }


def test_series_of_the_new_part_are_there_before_their_first_joule() -> None:
    """A rate over the change of parts loses nothing."""
    host = resting_host()
    assert host.sampler.totals.energy_uj[KEY]["@agent dynamic"] == 0


def test_late_ticks_do_not_keep_a_floor_out() -> None:
    """A host whose ticks come 0.2 s after the second has a floor like any other."""
    host = Host(page_seconds=120)
    track = host.sampler.tracks[KEY]
    track.rest = Rest()
    for second in range(200):
        host.tick(second * S + 200_000, 50 * second * S)
    before, after = host.end(200 * S)
    assert (before.sensors[0].floor_uw, after.sensors[0].floor_uw) == (None, 50 * S)
    assert energies([before, after])[1] == {"@system": (199_200_000 - 120 * S) * 50}


def test_what_nobody_saw_is_no_rest() -> None:
    """Energy of an outage may be anything: it makes no floor."""
    host = Host(page_seconds=60)
    track = host.sampler.tracks[KEY]
    track.rest = Rest()
    host.tick(0, 0)
    track.blind = True
    host.tick(100 * S, 5000 * S)
    assert track.rest.floor(START + 100 * S) is None
