"""Two sockets with a SIA on one each: cpusets keep a SIA from being charged for the other socket.

The bounds are what this load does, with room for another seed; none is a promise.
"""

from pathlib import Path

import msgspec

from exporters.twin import referee, run
from exporters.twin.plan import Plan

PLAN = Plan(gpus=0, seconds=1200, page_seconds=300, bmc="none")


def silent(line: str) -> None:
    """No progress wanted."""


def errors(folder: Path, plan: Plan) -> dict[str, float]:
    """Attributed energy of processors and memory over the true one, less one, by SIA; every device
    balances."""
    folder.mkdir()
    done = run.simulate(plan, folder, silent)
    assert all(account.balances for account in referee.balances(done))
    found = dict.fromkeys(plan.sia, 0)
    for page in done.pages:
        for entry in page.entries:
            if entry.consumer in found:
                found[entry.consumer] += entry.energy_uj
    true = done.truth.processors
    return {
        sia: found[sia] / (true.caused_uj[place] + true.standing_uj[place]) - 1
        for place, sia in enumerate(plan.sia)
    }


def test_cpusets_tell_the_sockets_apart(tmp_path: Path) -> None:
    """Each SIA is within a twentieth of the truth; without cpusets one is off by a tenth."""
    pooled = errors(tmp_path / "pooled", PLAN)
    apart = errors(tmp_path / "apart", msgspec.structs.replace(PLAN, pinned=True))
    assert max(map(abs, apart.values())) < 0.05
    assert max(map(abs, pooled.values())) > 0.1
