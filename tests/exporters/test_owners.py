"""Whose a GPU process is: by its control group, once a process, and nobody's where nobody knows."""

import logging
from pathlib import Path

import pytest

from exporters.sensors.use import Held
from exporters.settings import Workload
from exporters.workloads.owners import ASK_AGAIN, HOST_NAMESPACE, KEPT, Owners, decide_by, remarks
from exporters.workloads.processes import Processes, declare
from exporters.workloads.rules import Rules
from footprint import codes

MOUNTED = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"


class Proc:
    """A /proc in files, and how often anybody asked whose a process is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[int] = []
        (folder / "self" / "ns").mkdir(parents=True)
        (folder / "self" / "mountinfo").write_text(MOUNTED)
        rules = Rules([Workload(cgroup="system.slice/chat.service", sia="chat")], "footprint")
        self._decide = decide_by(rules, Processes(folder / "run", folder), folder)
        self.owners = Owners(self.decide, folder)

    def decide(self, pid: int) -> str | None:
        """By the rules, noted."""
        self.asked.append(pid)
        return self._decide(pid)

    def begin(
        self, pid: int, group: str, *, started: int = 7, parent: int = 1, name: str = "python3"
    ) -> None:
        """A process in a control group."""
        own = self.folder / str(pid)
        own.mkdir(exist_ok=True)
        (own / "cgroup").write_text(f"0::{group}\n")
        (own / "stat").write_text(f"{pid} ({name}) S {parent} {'0 ' * 17}{started} {'0 ' * 30}\n")
        (own / "comm").write_text(f"{name}\n")

    def end(self, pid: int) -> None:
        """It is gone."""
        for file in (self.folder / str(pid)).iterdir():
            file.unlink()
        (self.folder / str(pid)).rmdir()

    def looks(self, pid: int, times: int = 1, *, computes: bool = True) -> str | None:
        """Whose it is at the last of some looks."""
        whose: str | None = ""
        for _ in range(times):
            whose = self.owners.whose(Held(pid, 1, None, computes))
            self.owners.forget()
        return whose


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    """An empty one."""
    return Proc(tmp_path)


def test_a_process_is_its_control_groups(proc: Proc) -> None:
    """In the group of a rule, below it, in the group that `run` makes; else undeclared."""
    proc.begin(1, "/system.slice/chat.service")
    proc.begin(2, "/system.slice/chat.service/workers/3")
    proc.begin(3, "/footprint/search/77")
    proc.begin(4, "/user.slice/user-1000.slice")
    assert [proc.looks(pid) for pid in (1, 2, 3, 4)] == [
        "chat",
        "chat",
        "search",
        codes.UNREGISTERED,
    ]


def test_a_process_is_asked_once(proc: Proc) -> None:
    """As long as it stays; one that nobody knows is asked again now and then."""
    proc.begin(1, "/system.slice/chat.service")
    proc.begin(4, "/user.slice")
    proc.looks(1, 5 * ASK_AGAIN)
    assert proc.asked == [1]
    proc.looks(4, 2 * ASK_AGAIN + 1)
    assert proc.asked == [1, 4, 4, 4]


def test_a_rule_that_comes_later_is_found(proc: Proc) -> None:
    """A process that moves into a declared group is undeclared no more."""
    proc.begin(1, "/user.slice")
    assert proc.looks(1) == codes.UNREGISTERED
    proc.begin(1, "/system.slice/chat.service")
    assert proc.looks(1, ASK_AGAIN + 1) == "chat"


def test_a_pid_that_is_used_again_is_another_process(proc: Proc) -> None:
    """Its start time differs: the SIA before it is forgotten, at once after a look without it."""
    proc.begin(1, "/system.slice/chat.service")
    proc.begin(2, "/system.slice/chat.service")
    assert proc.looks(1) == "chat"
    proc.begin(1, "/user.slice", started=8)
    proc.looks(2, 2)
    assert proc.looks(1) == codes.UNREGISTERED
    proc.looks(1, ASK_AGAIN)
    proc.begin(1, "/system.slice/chat.service", started=9)
    assert proc.looks(1, ASK_AGAIN + 1) == "chat"


def test_a_process_that_ended_keeps_its_name_for_a_while(proc: Proc) -> None:
    """Its samples come late; after that its pid is forgotten."""
    proc.begin(1, "/system.slice/chat.service")
    proc.begin(2, "/user.slice")
    proc.looks(1)
    proc.end(1)
    assert proc.looks(1) == "chat"
    proc.looks(2, KEPT + 2)
    assert proc.looks(1) == codes.UNATTRIBUTED


def test_a_process_that_only_draws_is_the_systems(proc: Proc) -> None:
    """A display server is no AI that nobody declared."""
    proc.begin(1, "/system.slice/display.service")
    assert proc.looks(1, computes=False) == codes.SYSTEM
    assert proc.looks(1, ASK_AGAIN + 1, computes=True) == codes.UNREGISTERED


def test_a_server_of_mps_is_nobodys_unless_declared(proc: Proc) -> None:
    """By its short name, and only where no rule knows it."""
    proc.begin(1, "/system.slice/mps.service", name="nvidia-cuda-mps")
    proc.begin(2, "/system.slice/chat.service", name="nvidia-cuda-mps")
    assert proc.looks(1) is None
    assert proc.looks(2) == "chat"


def test_a_declared_command_without_control_group_is_followed(tmp_path: Path) -> None:
    """`footprint-agent run` on a host without them: what descends from it is its SIA's."""
    (tmp_path / "proc").mkdir()
    proc = Proc(tmp_path / "proc")
    proc.begin(50, "/user.slice")
    proc.begin(51, "/user.slice", parent=50)
    proc.begin(52, "/user.slice", parent=51)
    declare(tmp_path / "run", "chat", 50, proc.folder)
    followed = Processes(tmp_path / "run", proc.folder)
    followed.read_ns()
    owners = Owners(decide_by(Rules([], "footprint"), followed, proc.folder), proc.folder)
    assert owners.whose(Held(52, 1)) == "chat"
    assert owners.whose(Held(1, 1)) == codes.UNATTRIBUTED


def test_in_another_pid_namespace_nobody_is_named(
    proc: Proc, caplog: pytest.LogCaptureFixture
) -> None:
    """The same number is another process there: all is @unattributed, and that is said once."""
    proc.begin(1, "/system.slice/chat.service")
    (proc.folder / "self" / "ns" / "pid").symlink_to("pid:[4026532201]")
    proc.owners = Owners(proc.decide, proc.folder)
    with caplog.at_level(logging.WARNING):
        assert proc.looks(1, 3 * ASK_AGAIN) == codes.UNATTRIBUTED
    assert [record.message.count("--pid=host") for record in caplog.records] == [1]
    assert [remark.remedy.count("hostPID") for remark in remarks(proc.folder)] == [1]


def test_in_the_hosts_pid_namespace_there_is_nothing_to_say(
    proc: Proc, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor where one process is gone before it could be asked."""
    (proc.folder / "self" / "ns" / "pid").symlink_to(HOST_NAMESPACE)
    assert proc.looks(9) == codes.UNATTRIBUTED
    assert list(remarks(proc.folder)) == []
    assert caplog.records == []


def test_processes_that_stay_hidden_are_said_once(
    proc: Proc, caplog: pytest.LogCaptureFixture
) -> None:
    """Listed by the driver and never found in /proc: hidepid, or a namespace that does not tell."""
    assert proc.looks(9, 5 * ASK_AGAIN) == codes.UNATTRIBUTED
    assert len(caplog.records) == 1
    assert "hidepid" in caplog.text
