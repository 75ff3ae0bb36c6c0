"""What a simulated host tells of who is on its cards: the driver's words and /proc.

In: the cards. Out: fields of the simulated NVIDIA library (nvml.c) and files as proc(5) has them.
"""

from pathlib import Path

from exporters.twin.card import Card
from exporters.twin.plan import STEP_US, Plan
from exporters.twin.scenes import STRANGER, Tenant, tenants

MOUNTED = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
SESSION = "user.slice/user-1000.slice/session-3.scope"
STAT = "{pid} (server) S 1" + " 0" * 17 + " {pid}" + " 0" * 30 + "\n"


def make_processes(proc: Path, plan: Plan) -> None:
    """Every process of the cards, in its control group."""
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "mountinfo").write_text(MOUNTED)
    for gpu in range(plan.gpus):
        for one in tenants(plan, gpu):
            folder = proc / str(one.pid)
            folder.mkdir()
            (folder / "cgroup").write_text(f"0::/{_group(plan, one)}\n")
            (folder / "stat").write_text(STAT.format(pid=one.pid))
            (folder / "comm").write_text("server\n")


def _group(plan: Plan, one: Tenant) -> str:
    return SESSION if one.sia == STRANGER else f"footprint/{plan.sia[one.sia]}/{one.pid}"


def fields(card: Card, plan: Plan, step: int) -> str:
    """What the driver tells of one card's processes at a step."""
    words = ""
    if card.divided:
        words = " mig=11 gpm=1"
        for share in card.shares:
            one = share.tenant
            words += f" gi={one.instance}:{one.slices}:{share.busy_us}:{step * STEP_US}"
    if not card.held(step):
        return words
    for share in card.shares:
        one = share.tenant
        words += f" proc={one.pid}:{one.memory_mib}:{one.instance or -1}:0"
    if plan.deaf().holds(step):
        return f"{words} util={plan.deaf().answer}"
    return words + "".join(sample for _, sample in card.shown(step))
