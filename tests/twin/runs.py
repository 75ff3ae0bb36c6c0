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
    return [found["devices"] for found in judged(folder, *plans)]


def judged(folder: Path, *plans: Plan) -> list[dict[str, Any]]:
    """For each plan the accounts of its `devices` and of its `wall`, and whose its `cards` are."""
    if any(plan.gpus for plan in plans):
        require_tool("gcc")
    arguments = [json.dumps(msgspec.to_builtins(plan)) for plan in plans]
    done = subprocess.run(
        [sys.executable, "-m", "tests.twin.runs", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def main() -> None:
    """Simulate every plan and print the accounts as JSON."""
    from exporters.twin import cardreport, referee, run, wallreferee

    folder, *plans = sys.argv[1:]
    found = []

    def silent(line: str) -> None:
        """No progress wanted."""

    for number, text in enumerate(plans):
        place = Path(folder) / str(number)
        place.mkdir()
        done = run.simulate(msgspec.json.decode(text, type=Plan), place, silent)
        devices = [_account(account) for account in referee.balances(done)]
        cards = msgspec.to_builtins(list(cardreport.compared(done)))
        wall = _wall(wallreferee.balance(done))
        found.append({"devices": devices, "wall": wall, "cards": cards})
    json.dump(found, sys.stdout)


def _account(account: Any) -> dict[str, Any]:
    facts: dict[str, Any] = msgspec.to_builtins(account)
    names = ("difference_uj", "lag_uj", "balances")
    return {**facts, **{name: getattr(account, name) for name in names}}


def _wall(balance: Any) -> Any:
    if balance is None:
        return None
    facts: dict[str, Any] = msgspec.to_builtins(balance)
    return {**facts, "balances": balance.balances}


if __name__ == "__main__":
    main()
