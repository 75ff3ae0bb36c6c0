"""RESULTS.md of the tests on a real card: how to run them, and what the last run measured.

In: what the card is, and rows by section. Out: the file. Without rows it says that no card was had.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pynvml

RESULTS = Path(__file__).with_name("RESULTS.md")

INTRODUCTION = """\
# On a real NVIDIA card

How to run: `make gpu` on a host with one NVIDIA GPU that nobody uses and its driver
(`libnvidia-ml.so.1` and `libcuda.so.1`): no toolkit, no framework, no network. Without the
project's environment, any Python 3.11 or newer with pytest, hypothesis, msgspec, nvidia-ml-py and
prometheus-client does: `python -m pytest -m gpu tests/gpu`. It takes about five minutes, changes no
setting of the card, and writes this file. `GPU_SECONDS` sets how long each load is watched (30),
`GPU_RESULTS` where to write, `GPU_UUID` which card where there are several.
`tests/gpu/test_procedure.py` runs the same tests in `make test` against a simulated driver, so that
they are known to run; its figures are nobody's card.

The load is a kernel of multiplications and additions (`burn.ptx`) in processes of their own:
`steady` is busy all the time, `bursty` half of it, in bursts and pauses of random length around
80 ms. The bound is that of [METHOD.md](../../footprint/METHOD.md) for a board with both meters:
15 %, or 5 W.
"""

NO_CARD = "\nNo card could be had yet: there are no figures.\n"

SECTIONS = {
    "agreement": "The energy counter against the power readings integrated",
    "period": "How often the meters change",
    "utilisation": "Process utilisation: two processes, 60 % and 20 % of the time busy",
    "cost": "Cost of each NVML call (medians)",
    "path": "Two processes on the card, metered by the agent",
}

Row = Mapping[str, str]


class Results:
    """Rows of one run, by section."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self.facts = facts
        self.rows: dict[str, list[Row]] = {}

    def add(self, section: str, row: Row) -> None:
        """One row; the first of a section names the columns."""
        assert section in SECTIONS
        self.rows.setdefault(section, []).append(row)

    def write(self) -> Path:
        """Write the file where GPU_RESULTS says, else beside this module."""
        path = Path(os.environ.get("GPU_RESULTS") or RESULTS)
        path.write_text(render(self.facts, self.rows), encoding="utf-8")
        return path


def render(facts: Mapping[str, str], rows: Mapping[str, Sequence[Row]]) -> str:
    """The whole file."""
    if not rows:
        return INTRODUCTION + NO_CARD
    parts = [INTRODUCTION, _table([facts])]
    parts += [
        f"## {title}\n\n{_table(rows[name])}" for name, title in SECTIONS.items() if name in rows
    ]
    return "\n".join(parts)


def facts(handle: Any) -> dict[str, str]:
    """What was measured on, and when."""
    return {
        "card": pynvml.nvmlDeviceGetName(handle),
        "driver": pynvml.nvmlSystemGetDriverVersion(),
        "NVML": pynvml.nvmlSystemGetNVMLVersion(),
        "CUDA": _cuda_version(),
        "date (UTC)": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "commit": _commit(),
        "processes of others": _others(handle),
    }


def _others(handle: Any) -> str:
    """How many held the card before the run: their load is in every figure."""
    try:
        return str(len(pynvml.nvmlDeviceGetComputeRunningProcesses_v3(handle)))
    except pynvml.NVMLError as error:
        return str(error)


def _cuda_version() -> str:
    number = int(pynvml.nvmlSystemGetCudaDriverVersion_v2())
    return f"{number // 1000}.{number % 1000 // 10}"


def _commit() -> str:
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def _table(rows: Sequence[Row]) -> str:
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns)]
    lines += [[str(row.get(column, "")) for column in columns] for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
