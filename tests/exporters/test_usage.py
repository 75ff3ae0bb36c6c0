"""CPU time read at one moment: each nanosecond is some consumer's once."""

import subprocess
import sys
from pathlib import Path

from exporters.settings import Workload
from exporters.surroundings import Surroundings
from exporters.usage import CpuUse
from exporters.workloads.cpusets import LOOKS
from exporters.workloads.processes import Processes
from exporters.workloads.rules import Rules
from tests.exporters.burning import burn, house, near

MS = 1_000_000


def test_the_agents_own_time_is_not_the_sias_it_runs_beside(tmp_path: Path) -> None:
    """A rule such as `/system.slice/*` names the agent's own group too: what the agent used there
    is @agent's alone, and the SIA's time never falls."""
    spent = [0]
    around = Surroundings(own_cpu_ns=lambda: spent[0])
    with house() as own:
        (own / "services").mkdir()
        rules = Rules([Workload(f"{own.name}/*", "services")], "")
        use = CpuUse(own.parent, rules, Processes(tmp_path), around, lambda _: "services")
        before = use.read()
        used_ns = burn(own / "services", 0.3)
        spent[0] = 100 * MS
        after = use.read()
        assert after.agent_ns - before.agent_ns == 100 * MS
        moved_ns = after.sia_ns["services"] - before.sia_ns["services"]
        assert near(moved_ns, used_ns - 100 * MS)
        spent[0] = 10_000 * MS  # more than the group shows yet
        assert use.read().sia_ns["services"] == after.sia_ns["services"]
        use.close()


def test_an_agent_that_moves_leaves_what_it_used_where_it_was(tmp_path: Path) -> None:
    """Only what it uses in a SIA's group is taken out of that SIA's."""
    spent = [0]
    whose: list[str | None] = [None]
    around = Surroundings(own_cpu_ns=lambda: spent[0])
    with house() as own:
        (own / "services").mkdir()
        rules = Rules([Workload(f"{own.name}/*", "services")], "")
        use = CpuUse(own.parent, rules, Processes(tmp_path), around, lambda _: whose[0])
        spent[0] = 500 * MS
        used_ns = burn(own / "services", 0.2)
        assert near(use.read().sia_ns["services"], used_ns)
        whose[0] = "services"
        for _ in range(LOOKS):
            use.read()
        spent[0] = 550 * MS
        used_ns += burn(own / "services", 0.2)
        assert near(use.read().sia_ns["services"], used_ns - 50 * MS)
        use.close()


INSIDE = """
import os, sys
from pathlib import Path
from exporters.settings import Workload
from exporters.surroundings import Surroundings
from exporters.usage import CpuUse
from exporters.workloads.owners import by_group
from exporters.workloads.processes import Processes
from exporters.workloads.rules import Rules
own = Path(sys.argv[1])
(own / "agent" / "cgroup.procs").write_text(str(os.getpid()))
rules = Rules([Workload(f"{own.name}/*", "services")], "none-of-run")
whose = by_group(rules, Path("/proc"))
use = CpuUse(own.parent, rules, Processes(own / "none"), Surroundings(), whose)
first = use.read()
while use.read().agent_ns - first.agent_ns < 300_000_000:
    sum(range(2000))
last = use.read()
print(last.sia_ns["services"] - first.sia_ns["services"], last.agent_ns - first.agent_ns)
"""


def test_an_agent_in_a_group_that_a_rule_names_is_charged_once() -> None:
    """The real thing, in a real group: what it uses is its own, and next to nothing the SIA's."""
    with house() as own:
        (own / "agent").mkdir()
        done = subprocess.run(
            [sys.executable, "-c", INSIDE, str(own)], capture_output=True, text=True, check=True
        )
    services_ns, agent_ns = map(int, done.stdout.split())
    assert agent_ns >= 300 * MS
    assert 0 <= services_ns < 10 * MS
