"""The procedure on a card, without one: its figures on known samples, and the whole run against a
simulated driver, so that the first run on a card does not end at a typo."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gpu import burn, meter, results
from tests.gpu.meter import Sample
from tests.tools import require_tool

pytestmark = pytest.mark.slow

ROOM = Path(__file__).parent
ROOT = ROOM.parents[1]
UUID = "GPU-5b4e07f6-3a86-4340-039d-25f2a83cdc43"
S = 10**9


class Driver:
    """Simulated libnvidia-ml.so.1 and libcuda.so.1, and the environment that uses them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for source, name in (("fake_card.c", "libnvidia-ml.so.1"), ("fake_cuda.c", "libcuda.so.1")):
            command = [require_tool("gcc"), "-Wall", "-Werror", "-shared", "-fPIC"]
            command += [f"-Wl,-soname,{name}", "-o", str(folder / name), str(ROOM / source)]
            subprocess.run(command, check=True)
        (folder / "cards").write_text(f"0\n{UUID} 0 0 2 700000 usage=300000\n")
        (folder / "pids").write_text("")
        self.environment = {
            **os.environ,
            "LD_LIBRARY_PATH": str(folder),
            "FAKE_NVML_STATE": str(folder / "cards"),
            "FAKE_CARD_PIDS": str(folder / "pids"),
            "GPU_RESULTS": str(folder / "RESULTS.md"),
            "GPU_SECONDS": "1",
        }
        self.environment.pop("GPU_UUID", None)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A Python program under this driver."""
        return subprocess.run(
            [sys.executable, *command],
            env={**self.environment, **environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """One compiled driver for this file."""
    return Driver(tmp_path_factory.mktemp("driver"))


def test_the_whole_procedure_runs_and_writes_its_table(driver: Driver) -> None:
    """Every test on the card passes on a simulated one, and RESULTS.md has a row of each kind."""
    done = driver.run("-m", "pytest", "-q", "-m", "gpu", "tests/gpu", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "6 passed" in done.stdout
    assert "skipped" not in done.stdout
    text = (driver.folder / "RESULTS.md").read_text(encoding="utf-8")
    assert text.startswith(results.INTRODUCTION)
    (card,) = table(text, "# On a real NVIDIA card")
    assert card[:4] == ["NVIDIA H100 80GB HBM3", "580.65.06", "13.580.65.06", "13.0"]
    assert len(section(text, "period")) == 9
    for _, _, counter_watts, integrated_watts, *_ in section(text, "agreement"):
        assert float(counter_watts) == pytest.approx(300, rel=0.15)
        assert float(integrated_watts) == pytest.approx(300, rel=0.01)
    assert len(section(text, "agreement")) == 6
    used = section(text, "utilisation")
    assert [row[:2] for row in used] == [["busy 60 %", "60.0"], ["busy 20 %", "20.0"]]
    assert len(section(text, "cost")) == 9
    ((agent, counter, _, shares, _),) = section(text, "path")
    assert agent == counter != "0.000"
    assert set(shares.split(", ")) <= {"@unattributed", "@unregistered"}


def section(text: str, name: str) -> list[list[str]]:
    """The rows of one section's table."""
    return table(text, f"## {results.SECTIONS[name]}")


def table(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table after a heading."""
    lines = text.partition(f"{heading}\n")[2].partition("\n## ")[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return rows[2:]


def test_without_a_card_every_test_says_why_it_is_skipped(driver: Driver) -> None:
    """A host whose driver is not loaded: skips with the reason, exit code 0, no file."""
    cards = driver.folder / "none"
    cards.write_text("9\n")
    wrote = driver.folder / "NONE.md"
    done = driver.run(
        *("-m", "pytest", "-q", "-m", "gpu", "tests/gpu", "-p", "no:cacheprovider"),
        FAKE_NVML_STATE=str(cards),
        GPU_RESULTS=str(wrote),
    )
    assert done.returncode == 0, done.stdout
    assert "6 skipped" in done.stdout
    assert "an NVIDIA GPU answers (Driver Not Loaded)" in done.stdout
    assert not wrote.exists()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("cuInit", "burn: cuInit: error 100 (CUDA_ERROR_NO_DEVICE)"),
        ("cuCtxSynchronize", "burn: cuCtxSynchronize: error 100 (CUDA_ERROR_NO_DEVICE)"),
        (
            "cuModuleLoadDataEx",
            "burn: cuModuleLoadDataEx: error 218 (CUDA_ERROR_INVALID_PTX): "
            "ptxas: line 1: refused here",
        ),
    ],
)
def test_a_load_that_the_driver_refuses_says_so(driver: Driver, call: str, says: str) -> None:
    """The call, its error by name, and what the driver's compiler said."""
    done = driver.run("-m", "tests.gpu.burn", FAKE_CUDA_FAILS=call)
    assert (done.returncode, done.stdout.strip()) == (1, says)


def test_a_host_without_cuda_says_so(tmp_path: Path) -> None:
    """No libcuda.so.1: the remedy, not a traceback."""
    if (Path("/usr/lib") / "x86_64-linux-gnu" / "libcuda.so.1").exists():
        pytest.skip("needs a machine where there is no NVIDIA driver")
    with pytest.raises(burn.CudaError, match="install the NVIDIA driver"):
        burn.Card()


def samples(*rows: tuple[float, int, int | None]) -> list[Sample]:
    """Samples at seconds, millijoules and watts."""
    return [
        Sample(round(at * S), energy_mj, None if watts is None else watts * 1000, None)
        for at, energy_mj, watts in rows
    ]


def test_both_meters_are_compared_from_change_to_change() -> None:
    """Between the first and the last move of the counter; what it had not shown yet is left out."""
    seen = samples(
        (0, 1000, 900), (1, 2000, 100), (2, 2000, 100), (3, 202_000, 100), (4, 202_000, 900)
    )
    assert meter.compared(seen, "instant") == (200.0, 200.0, 2.0)
    assert meter.compared(seen, "average") is None
    assert meter.compared(seen[:3], "instant") is None


def test_periods_are_those_between_changes() -> None:
    """Median and 95th percentile of the times from one change to the next."""
    rows = [(number / 100, number // 2, 100 + number // 10) for number in range(100)]
    period = meter.period(samples(*rows), "energy")
    assert period is not None
    assert (period.changes, round(period.median_ms), round(period.p95_ms)) == (49, 20, 20)
    slow = meter.period(samples(*rows), "instant")
    assert slow is not None
    assert (slow.changes, round(slow.median_ms)) == (9, 100)
    assert meter.period(samples(*rows), "average") is None


def test_the_file_without_a_card_says_so_and_how_to_run() -> None:
    """The committed RESULTS.md begins with the procedure; without figures it says so."""
    assert results.render({}, {}) == results.INTRODUCTION + results.NO_CARD
    text = results.RESULTS.read_text(encoding="utf-8")
    assert text.startswith(results.INTRODUCTION)
    assert text == results.render({}, {}) or "## " in text


def test_the_kernel_is_what_the_launch_hands_it() -> None:
    """The PTX names the entry and the two parameters that burn.py gives, for the oldest target."""
    text = burn.PTX.read_text(encoding="ascii")
    assert ".visible .entry burn(.param .u64 burn_sums, .param .u32 burn_rounds)" in text
    assert ".target sm_50\n" in text
    assert ".address_size 64\n" in text
