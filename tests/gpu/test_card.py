"""One real NVIDIA GPU: do its meters agree, how often do they move, what do the calls cost, and
does the agent count two processes' joules once? `make gpu` runs these; RESULTS.md holds the
figures.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pynvml
import pytest

from exporters.agent import Agent
from exporters.clock import Boot
from exporters.sensors import nvml
from exporters.sensors.agreement import BOUND_PERMILLE, LEAST_UW
from exporters.settings import Settings
from footprint.ledger import Page, verify_chain
from tests.gpu import meter
from tests.gpu.burn import burning
from tests.gpu.conftest import Card
from tests.gpu.results import Results
from tests.running import page_bodies

pytestmark = pytest.mark.gpu

DUTIES = {"idle": 0, "steady": 100, "bursty": 50}
SETTLE_SECONDS = 3
"""The mean power covers the last second, and clocks take as long to follow a new load."""


@contextlib.contextmanager
def load(card: Card, *duties: int) -> Iterator[list[int]]:
    """Processes of these duties on the card, settled; their ids."""
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(burning(card.uuid, duty)) for duty in duties if duty]
        time.sleep(min(SETTLE_SECONDS, card.seconds))
        yield [load.pid for load in loads]
        assert all(load.alive() for load in loads), "a load ended by itself"


@pytest.mark.parametrize("shape", DUTIES)
def test_the_counter_and_the_integrated_power_agree(
    card: Card, results: Results, shape: str
) -> None:
    """Over a load of this shape the two meters stay within METHOD.md's bound, and both move."""
    with load(card, DUTIES[shape]):
        samples = meter.watch(card.handle, card.seconds)
    for name in ("energy", "instant", "average"):
        period = meter.period(samples, name)
        row = {"load": shape, "meter": name, "changes": "0", "median (ms)": "", "p95 (ms)": ""}
        if period is not None:
            row["changes"] = str(period.changes)
            row |= {"median (ms)": f"{period.median_ms:.1f}", "p95 (ms)": f"{period.p95_ms:.1f}"}
        results.add("period", row)
    assert meter.period(samples, "energy") is not None, "the counter stands still"
    outside = [
        line for field in meter.POWER_FIELDS if (line := _agreement(results, shape, samples, field))
    ]
    assert outside == []


def _agreement(results: Results, shape: str, samples: list[meter.Sample], field: str) -> str | None:
    """Write the row; the line where the difference is out of bounds."""
    compared = meter.compared(samples, field)
    row = {"load": shape, "power": field, "counter (W)": "", "integrated (W)": "no such power"}
    if compared is None:
        results.add("agreement", {**row, "difference (%)": "", "seconds": ""})
        return None
    counted, integrated, seconds = compared
    percent = 100 * (integrated - counted) / counted
    row |= {"counter (W)": f"{counted / seconds:.1f}"}
    row |= {"integrated (W)": f"{integrated / seconds:.1f}"}
    results.add(
        "agreement", {**row, "difference (%)": f"{percent:+.2f}", "seconds": f"{seconds:.1f}"}
    )
    bound = max(BOUND_PERMILLE * counted / 1000, LEAST_UW / 1e6 * seconds)
    return None if abs(integrated - counted) <= bound else f"{shape}, {field}: {percent:+.2f} %"


def test_the_busier_of_two_processes_is_told(card: Card, results: Results) -> None:
    """Of two processes, busy for 60 % and 20 % of the time, the first is said to use more."""
    with load(card, 60, 20) as pids:
        try:
            used = meter.utilisation(card.handle, card.seconds)
        except pynvml.NVMLError as error:
            results.add("utilisation", {"process": "none", "says": str(error)})
            pytest.skip(f"needs a machine where NVML tells process utilisation ({error})")
    for one in used:
        duty = dict(zip(pids, (60, 20), strict=True)).get(one.pid)
        row = {"process": f"busy {duty} %" if duty else "not of this machine's ids"}
        row |= {"mean SM (%)": f"{one.mean_sm_percent:.1f}", "samples": str(one.samples)}
        row |= {"median between samples (ms)": f"{one.period_ms:.0f}" if one.period_ms else ""}
        results.add("utilisation", row)
    assert len(used) >= 2
    if {one.pid for one in used} >= set(pids):
        assert next(one.pid for one in used if one.pid in pids) == pids[0]


def test_what_each_call_costs(card: Card, results: Results) -> None:
    """Each call that the sensor makes, with a process on the card; and a whole tick's."""
    with load(card, 20):
        for name, call in meter.sensor_calls(card.handle, card.uuid).items():
            try:
                cost = meter.cost(call)
            except pynvml.NVMLError as error:
                results.add("cost", {"call": name, "wall (us)": str(error), "CPU (us)": ""})
            else:
                results.add("cost", _cost_row(name, cost))
        sensor = nvml.discover(Boot("boot"))
        assert isinstance(sensor, nvml.Nvml)
        tick = meter.cost(lambda: (sensor.read(), sensor.use()))
        sensor.close()
    results.add("cost", _cost_row("a tick of the sensor, all boards", tick))
    assert tick.cpu_us < 10_000, "a tick of one sensor took 1 % of a core"


def _cost_row(name: str, cost: meter.Cost) -> dict[str, str]:
    return {"call": name, "wall (us)": f"{cost.wall_us:.1f}", "CPU (us)": f"{cost.cpu_us:.1f}"}


def test_the_agent_counts_two_processes_joules_once(
    card: Card, results: Results, tmp_path: Path
) -> None:
    """From the counter to the pages: the board's entries are what its counter moved, to the
    millijoule, whoever computed."""
    settings = Settings(
        host_id="card",
        state_dir=str(tmp_path / "state"),
        run_dir=str(tmp_path / "run"),
        listen="127.0.0.1:0",
        page_seconds=5,
        rapl="off",
        hwmon="off",
        model="off",
        ipmi="off",
    )
    with load(card, 60, 20):
        before_mj = pynvml.nvmlDeviceGetTotalEnergyConsumption(card.handle)
        agent = Agent(settings)
        thread = threading.Thread(target=agent.run)
        thread.start()
        time.sleep(max(card.seconds, 3))
        agent.stop()
        thread.join(60)
        after_mj = pynvml.nvmlDeviceGetTotalEnergyConsumption(card.handle)
    pages = list(verify_chain(page_bodies(tmp_path / "state" / "spool.db")))
    states = [state for page in pages for state in page.sensors if state.device == card.uuid]
    first, last = states[0].first, states[-1].last
    assert first is not None
    assert last is not None
    counter_uj = last.value_uj - first.value_uj
    shares = _shares(pages, card.uuid)
    row = {"agent (J)": f"{sum(shares.values()) / 1e6:.3f}"}
    row |= {"its counter's difference (J)": f"{counter_uj / 1e6:.3f}"}
    row |= {"read around it (J)": f"{(after_mj - before_mj) / 1e3:.3f}"}
    results.add("path", {**row, "shares": ", ".join(sorted(shares)), "pages": str(len(pages))})
    assert sum(shares.values()) == counter_uj > 0
    assert before_mj * 1000 <= first.value_uj
    assert last.value_uj <= after_mj * 1000
    assert [gap for page in pages for gap in page.gaps if gap.device == card.uuid] == []


def _shares(pages: list[Page], uuid: str) -> dict[str, int]:
    shares: dict[str, int] = {}
    for page in pages:
        for entry in page.entries:
            if entry.device == uuid:
                shares[entry.consumer] = shares.get(entry.consumer, 0) + entry.energy_uj
    return shares
