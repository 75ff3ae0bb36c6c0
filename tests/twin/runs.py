"""Runs of the twin in a process of their own: the simulated NVIDIA library, once loaded, stays."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from exporters.twin.plan import Plan
from tests.tools import require_tool


def accounts(folder: Path, *plans: Plan) -> list[list[dict[str, Any]]]:
    """For each plan the account of every device, with what follows from it."""
    if any(plan.gpus for plan in plans):
        require_tool("gcc")
    arguments = [json.dumps(msgspec.to_builtins(plan)) for plan in plans]
    done = subprocess.run(
        [sys.executable, "-m", "tests.twin.runs", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[list[dict[str, Any]]] = json.loads(done.stdout)
    return found


def main() -> None:
    """Simulate every plan and print the accounts as JSON."""
    from exporters.twin import referee, run

    folder, *plans = sys.argv[1:]
    found = []

    def silent(line: str) -> None:
        """No progress wanted."""

    for number, text in enumerate(plans):
        place = Path(folder) / str(number)
        place.mkdir()
        done = run.simulate(msgspec.json.decode(text, type=Plan), place, silent)
        found.append([_account(account) for account in referee.balances(done)])
    json.dump(found, sys.stdout)


def _account(account: Any) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.to_builtins(account)
    names = ("difference_uj", "lag_uj", "balances")
    return {**facts, **{name: getattr(account, name) for name in names}}


if __name__ == "__main__":
    main()
