"""A run of the simulated servers in a process of its own: the simulated NVIDIA library stays."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from exporters.twin.serving.plan import ServedPlan
from tests.tools import require_tool


def rehearsed(folder: Path, plan: ServedPlan) -> dict[str, Any]:
    """How each server was judged (`judged`), whether every device `balances`, and the `report`."""
    require_tool("gcc")
    text = json.dumps(msgspec.to_builtins(plan))
    done = subprocess.run(
        [sys.executable, "-m", "tests.twin.serving_run", str(folder), text],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Simulate the plan and print what came of it as JSON."""
    from exporters.twin import referee
    from exporters.twin.serving import rehearsal, report

    folder, text = sys.argv[1:]

    def silent(line: str) -> None:
        """No progress wanted."""

    plan = msgspec.json.decode(text, type=ServedPlan)
    done = rehearsal.rehearse(plan, Path(folder), silent)
    found = {
        "judged": msgspec.to_builtins(done.judged),
        "balances": all(account.balances for account in referee.balances(done.run)),
        "report": list(report.lines(done, [])),
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
