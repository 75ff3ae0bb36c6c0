"""Three stories of copies: a host cloned with its spool, a spool set back, a service set back.

Each ends with the right totals, and with the alarm that an operator would need: where it is named
here it is looked for, in the log and in /metrics. Seen failing: without `check_hardware` the copy
of a host is let in; with acknowledgements that are never taken back a service that was set back
waits in vain for what it lost.
"""

import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.faults import sums
from tests.faults.fleets import Load
from tests.faults.ground import Ground, uj
from tests.faults.meters import Meter, check_same, ending, metering, until_held
from tests.running import Agent, Process, Service, samples, wait_until
from tests.tools import require_namespaces, require_tool

REFUSED = "was kept on other hardware"
OF_ITS_OWN = "begins a ledger of its own"
DIVERGED = "holds another page"
BEGUN = 'footprint_agent_ledgers_begun_total{reason="diverged"}'
QUARANTINED = "footprint_service_quarantined_pages"
LAST_PAGE = "footprint_service_last_page_timestamp_seconds"
LOST = 'footprint_agent_pushes_total{result="lost"}'
LOST_SAID = "pages that it had acknowledged"
DAY_PAGES = 96
HARDWARE = """
mount -t tmpfs tmpfs /sys/class && mkdir -p /sys/class/net/eth0/device &&
echo 0 >/sys/class/net/eth0/addr_assign_type && echo "$0" >/sys/class/net/eth0/address && exec "$@"
"""


def backup(database: Path, copy: Path) -> None:
    """A copy as a backup program makes it, of a file in use."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def clone(ground: Ground) -> str:
    """A virtual machine is copied with its spool; the copy has a network card of its own. Under the
    same name it is refused with the remedy; with a name of its own it begins a ledger."""
    require_namespaces("--mount")
    processes: list[Process] = []
    (original_home, copy_home) = (ground.sub("original"), ground.sub("copy"))
    with ending(processes), metering(original_home) as original, metering(copy_home) as copy:
        service = Service(ground.sub("service"))
        processes.append(service)
        first = _on(original, "52:54:00:00:00:01", service)
        processes.append(first)
        original.counter.go()
        until_held(service.database, 3)
        copy.state.mkdir()
        backup(first.spool, copy.state / "spool.db")
        for beside in ("hardware", "spool.stand"):
            shutil.copy(original.state / beside, copy.state / beside)
        with pytest.raises(AssertionError, match=REFUSED):
            _on(copy, "52:54:00:00:00:02", service)
        second = _on(copy, "52:54:00:00:00:02", service, host_id="host-of-the-copy")
        processes.append(second)
        assert OF_ITS_OWN in second.output()
        copy.counter.go()
        until_held(service.database, 6)
        true_uj = [original.end(first), copy.end(second)]
        sums.check(service.database)
        assert _held_uj(service) == dict(
            zip(("host-under-test", "host-of-the-copy"), true_uj, strict=True)
        )
        assert sums.total_uj(service.database) == sum(true_uj)
    return (
        f"refused: '{REFUSED}'; with a name of its own '{OF_ITS_OWN}'; both counters == the "
        f"service: {uj(sum(true_uj))}"
    )


def _on(meter: Meter, address: str, service: Service, host_id: str = "host-under-test") -> Agent:
    """An agent on hardware of which its network card's address is all that is known."""
    before = (require_tool("unshare"), "--mount", "sh", "-c", HARDWARE, address)
    arguments = meter.arguments(service.url)
    agent = Agent(meter.folder, *arguments, host_id=host_id, before=before)
    wait_until(lambda: len(agent.metrics()) > 5, "a tick")
    return agent


def _held_uj(service: Service) -> dict[str, int]:
    query = "SELECT host_id, sum(energy_uj) FROM entry GROUP BY host_id"
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True)) as database:
        return dict(database.execute(query))


def spool_set_back(ground: Ground) -> str:
    """An agent's disk is restored from a backup of some pages ago, again and again."""
    processes: list[Process] = []
    with ending(processes), metering(ground.folder) as meter:
        service = Service(ground.sub("service"))
        processes.append(service)
        agent = meter.start(service.url)
        processes.append(agent)
        meter.counter.go()
        for number in range(ground.times):
            until_held(service.database, 2)
            copy = ground.folder / f"backup-{number}"
            backup(agent.spool, copy)
            until_held(service.database, 2 + ground.chance.randrange(4))
            agent.kill()
            for file in meter.state.glob("spool.*"):
                file.unlink()
            shutil.copy(copy, agent.spool)
            agent = meter.start(service.url)
            processes.append(agent)
            wait_until(lambda a=agent: a.metrics()[BEGUN] == 1, "another ledger")  # type: ignore[misc]
            assert DIVERGED in agent.output()
        until_held(service.database, 2)
        true_uj = meter.end(agent)
        sums.check(service.database)
        assert sums.total_uj(service.database) == true_uj
    return f"'{DIVERGED}' in the log, {BEGUN} 1; service == counter: {uj(true_uj)}"


def hosts_set_back_and_cloned(ground: Ground) -> str:
    """Simulated hosts with quarter-hour pages, set back by up to an hour, or cloned: what overlaps
    is kept out, and shown."""
    processes: list[Process] = []
    with ending(processes):
        service = Service(ground.sub("service"))
        processes.append(service)
        pages = str(4 * ground.times)
        faults = ("--faults", "set-back=0.3", "clone=0.3")
        words = ("--hosts", "6", "--pages", pages, "--batch-pages", "4", *faults)
        load = Load(ground.folder, service.url, ground.chance.randrange(10**6), *words)
        try:
            agreed_uj = load.agreed_uj()
        finally:
            load.end()
        kept_out = samples(service.get("/metrics").decode())[QUARANTINED]
        assert kept_out > 0
        assert "is quarantined: overlap" in service.output()
        sums.check(service.database)
        assert sums.total_uj(service.database) == agreed_uj
    return (
        f"{kept_out:.0f} pages 'is quarantined: overlap' in the log, {QUARANTINED} "
        f"{kept_out:.0f}; fleet == service: {uj(agreed_uj)}"
    )


def service_set_back(ground: Ground) -> str:
    """The service's database is restored from the backup of a day ago while hosts go on."""
    processes: list[Process] = []
    folder = ground.sub("service")
    with ending(processes):
        service = Service(folder)
        processes.append(service)
        hosts, days = 3, 1 + 2 * ground.times
        words = ("--hosts", str(hosts), "--pages", str(days * DAY_PAGES), "--in-seconds", "0.06")
        load = Load(
            ground.folder, service.url, ground.chance.randrange(10**6), *words, "--set-back"
        )
        behind_hours = []
        try:
            load.wait_until_it_sends(service)
            for number in range(ground.times):
                copy = ground.folder / f"backup-{number}.db"
                backup(service.database, copy)
                until_held(service.database, hosts * DAY_PAGES, 300)
                newest = _last_page(service)
                assert service.terminate() == 0
                for path in folder.glob("footprint.db*"):
                    path.unlink()
                shutil.copy(copy, service.database)
                service = Service(folder, listen=service.address)
                processes.append(service)
                behind_hours.append((newest - _last_page(service)) / 3600)
            agreed_uj = load.agreed_uj()
        finally:
            load.end()
        sums.check(service.database)
        assert sums.total_uj(service.database) == agreed_uj
    return (
        f"{LAST_PAGE} fell behind by {min(behind_hours):.0f} h and came back; fleet == service: "
        f"{uj(agreed_uj)}"
    )


def service_set_back_under_an_agent(ground: Ground) -> str:
    """The same with a real agent, whose log and metric tell it."""
    processes: list[Process] = []
    folder = ground.sub("service")
    with ending(processes), metering(ground.folder) as meter:
        service = Service(folder)
        processes.append(service)
        agent = meter.start(service.url)
        processes.append(agent)
        meter.counter.go()
        for number in range(ground.times):
            until_held(service.database, 2)
            copy = ground.folder / f"backup-{number}.db"
            backup(service.database, copy)
            until_held(service.database, 3)
            assert service.terminate() == 0
            for path in folder.glob("footprint.db*"):
                path.unlink()
            shutil.copy(copy, service.database)
            service = Service(folder, listen=service.address)
            processes.append(service)
            wait_until(partial(_has_lost, agent, number + 1), f"{LOST} of {number + 1}")
        until_held(service.database, 2)
        true_uj = meter.end(agent)
        assert agent.output().count(LOST_SAID) == ground.times
        check_same(agent, service.database, true_uj)
    return f"'{LOST_SAID}' in the agent's log, {LOST}; service == counter: {uj(true_uj)}"


def _has_lost(agent: Agent, times: int) -> bool:
    return agent.metrics().get(LOST, 0) >= times


def _last_page(service: Service) -> float:
    """The end of the newest page, of whichever host."""
    found = samples(service.get("/metrics").decode())
    return max((value for name, value in found.items() if name.startswith(LAST_PAGE)), default=0)
