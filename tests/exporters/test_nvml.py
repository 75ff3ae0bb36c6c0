"""NVIDIA cards through unmodified nvidia-ml-py, on a library compiled here whose cards can fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from footprint.ledger import verify_chain
from tests.running import Agent, page_bodies, wait_until
from tests.tools import require_tool

SONAME = "-Wl,-soname,libnvidia-ml.so.1"
SOURCE = Path(__file__).parents[2] / "exporters" / "twin" / "nvml.c"
FIRST = "GPU-5b4e07f6-3a86-4340-039d-25f2a83cdc43"
SECOND = "GPU-00000000-0000-0000-0000-000000000002"


class Cards:
    """The fake library and the state of its cards."""

    def __init__(self, folder: Path) -> None:
        compiler = require_tool("gcc")
        self.library = folder / "libnvidia-ml.so.1"
        self.state = folder / "cards"
        subprocess.run(
            [compiler, "-Wall", "-Werror", "-shared", "-fPIC", SONAME, "-o", self.library, SOURCE],
            check=True,
        )
        self.environment = {"LD_PRELOAD": str(self.library), "FAKE_NVML_STATE": str(self.state)}

    def set(self, *lines: str, init: int = 0) -> None:
        """Replace the state in one step."""
        draft = self.state.with_suffix(".new")
        draft.write_text("\n".join([str(init), *lines]) + "\n")
        os.replace(draft, self.state)

    def python(self, program: str) -> object:
        """Run a program with the library in place; the JSON it prints."""
        answer = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(answer.stdout)


@pytest.fixture
def cards(tmp_path: Path) -> Cards:
    """A library of its own for each test."""
    return Cards(tmp_path)


READ = """
import json
from exporters.clock import Boot
from exporters.sensors import nvml
sensor = nvml.discover(Boot("boot"))
if isinstance(sensor, nvml.Nvml):
    print(json.dumps({name: getattr(reading, "value_uj", None) or reading.gap.cause
                      for name, reading in sensor.read().items()}))
else:
    print(json.dumps(sensor.reason))
"""


def test_cards_are_read_in_microjoules_by_uuid(cards: Cards) -> None:
    """Millijoules of the board become microjoules under the card's UUID."""
    cards.set(f"{FIRST} 1234567 0 1 700000", f"{SECOND} 1 0 0 700000")
    assert cards.python(READ) == {FIRST: 1_234_567_000, SECOND: 1_000}


def test_a_card_without_energy_counter_is_a_gap_and_not_left_out(cards: Cards) -> None:
    """A card that does not support the counter is covered, with cause `unsupported`: a host must
    not look better for a card that nobody can read."""
    cards.set(f"{FIRST} 0 3 0 250000", f"{SECOND} 7 0 0 700000")
    assert cards.python(READ) == {FIRST: "unsupported", SECOND: 7_000}


def test_a_host_without_driver_says_so(cards: Cards) -> None:
    """Where NVML does not start, the reason is NVML's own."""
    cards.set(init=9)
    assert cards.python(READ) == "no NVIDIA GPU that can be read (Driver Not Loaded)"


FAIL = """
import json, os, sys
from exporters.clock import Boot
from exporters.sensors import nvml
path = os.environ["FAKE_NVML_STATE"]
uuid = "%s"
def state(energy, answer, init=0):
    with open(path + ".new", "w") as file:
        file.write(f"{init}\\n{uuid} {energy} {answer} 1 700000\\n")
    os.replace(path + ".new", path)
    reading = sensor.read()[uuid]
    return getattr(reading, "value_uj", None) or [reading.gap.cause, reading.error]
sensor = nvml.discover(Boot("boot"))
print(json.dumps([state(2000, 0), state(0, 15), state(0, 4), state(0, 1), state(9000, 0)]))
"""


def test_each_failure_is_a_gap_with_its_cause_and_the_card_comes_back(cards: Cards) -> None:
    """A lost card, a refused reading and a reloaded driver are gaps; reading goes on after them."""
    cards.set(f"{FIRST} 1000 0 1 700000")
    answer = cards.python(FAIL % FIRST)
    assert isinstance(answer, list)
    good, lost, refused, reloaded, back = answer
    assert (good, back) == (2_000_000, 9_000_000)
    assert [failure[0] for failure in (lost, refused, reloaded)] == [
        "absent",
        "permission",
        "absent",
    ]
    assert FIRST in lost[1]


def test_the_agent_accounts_cards_to_reservation_idle_or_unattributed(
    cards: Cards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reserved card is its SIA's, a held one @unattributed, one nobody holds @idle; the sums are
    the counters'."""
    third = "GPU-00000000-0000-0000-0000-000000000003"

    def energies(millijoules: int) -> None:
        cards.set(
            f"{FIRST} {millijoules} 0 1 700000",
            f"{SECOND} {2 * millijoules} 0 1 700000",
            f"{third} {3 * millijoules} 0 0 700000",
        )

    energies(1_000)
    config = tmp_path / "agent.toml"
    config.write_text(f'model = "off"\n[[reservations]]\nsia = "chat"\ngpus = ["{FIRST}"]\n')
    for name, value in cards.environment.items():
        monkeypatch.setenv(name, value)
    agent = Agent(tmp_path, "--config", str(config), "--page-seconds", "5")
    try:
        wait_until(lambda: len(agent.metrics()) > 5, "the first tick")
        energies(51_000)

        def metered() -> bool:
            samples = agent.metrics()
            return any("idle" in name and value > 0 for name, value in samples.items())

        wait_until(metered, "the energy to be seen")
        assert agent.terminate() == 0
    finally:
        agent.end()
    found: dict[tuple[str, str], int] = {}
    for page in verify_chain(page_bodies(agent.spool)):
        for entry in page.entries:
            key = (entry.device, entry.consumer)
            found[key] = found.get(key, 0) + entry.energy_uj
    assert found == {
        (FIRST, "chat"): 50_000_000,
        (SECOND, "@unattributed"): 100_000_000,
        (third, "@idle"): 150_000_000,
    }
