"""What a user of `footprint-agent` can get wrong: one line, exit code 1, nothing begun."""

import os
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from exporters.spool import Spool
from tests.exporters.nobody import footprint_agent, require_root, shared_folder, the_line
from tests.powercap import make_zone
from tests.running import BIN, Agent, ended


class Host:
    """A host with one processor package and folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.powercap = folder / "powercap"
        make_zone(self.powercap, "intel-rapl:0", "package-0", range_uj=10**9)
        (folder / "agent.toml").write_text(
            'rapl = "powercap"\nnvml = "off"\nhwmon = "off"\nmodel = "off"\n'
        )

    def refusal(self, *arguments: object, nobody: bool = False, **options: object) -> str:
        """The line with which `start` ends, without the program's name."""
        settings = {
            "config": self.folder / "agent.toml",
            "powercap_root": self.powercap,
            "state_dir": self.folder / "state",
            "run_dir": self.folder / "run",
            "listen": "127.0.0.1:0",
            "host_id": "host",
            **options,
        }
        given = [
            text
            for name, value in settings.items()
            for text in (f"--{name.replace('_', '-')}", value)
        ]
        line = the_line(footprint_agent("start", *given, *arguments, nobody=nobody))
        assert line.startswith("footprint-agent: ")
        return line.removeprefix("footprint-agent: ")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host of its own for each test."""
    return Host(tmp_path)


def test_a_port_in_use_is_named_and_leaves_no_record_behind(host: Host) -> None:
    """The retry with another port must not stumble over the first try's file."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = host.refusal(listen=address, record=host.folder / "record")
    assert line.startswith(f"listen: cannot listen on {address}: Address already in use; ")
    assert not (host.folder / "record").exists()


@pytest.mark.parametrize("address", ["192.0.2.1:0", "no..host:80", "a" * 70 + ".example:80"])
def test_an_address_that_is_not_ours_is_named(host: Host, address: str) -> None:
    """Another machine's address, a name that cannot be looked up."""
    assert host.refusal(listen=address).startswith(f"listen: cannot listen on {address}: ")


def test_a_second_agent_on_the_host_is_refused(host: Host, tmp_path: Path) -> None:
    """Two agents would count every joule twice."""
    with ended(Agent(tmp_path, "--powercap-root", str(host.powercap))):
        line = host.refusal()
    lock = tmp_path / "run" / "agent.lock"
    assert (
        line == f"lock: another footprint-agent runs on this host ({lock} is held); stop it first"
    )


def test_folders_that_cannot_be_used_are_named(host: Host) -> None:
    """A file stands where the folder should: spool and lock."""
    blocked = host.folder / "agent.toml"
    line = host.refusal(state_dir=blocked)
    assert line.startswith(f"spool: cannot use {blocked}/spool.db: ")
    line = host.refusal(run_dir=blocked)
    assert line.startswith(f"lock: cannot open {blocked}/agent.lock: ")


def test_folders_without_rights_are_named() -> None:
    """Somebody without rights gets a line with the folder for spool, lock and record each."""
    require_root()
    with shared_folder() as folder:
        host = Host(folder)
        closed = folder / "closed"
        closed.mkdir(mode=0o755)
        denied = "Permission denied"
        assert denied in host.refusal(nobody=True, state_dir=closed / "state")
        assert denied in host.refusal(nobody=True, run_dir=closed / "run")
        line = host.refusal(nobody=True, record=closed / "record")
        assert line.startswith(f"record: cannot write {closed}/record: {denied}")
        secret = folder / "secret.toml"
        secret.touch(mode=0o600)
        assert f"settings: cannot read {secret}: {denied}" in host.refusal(
            nobody=True, config=secret
        )


def test_a_record_that_exists_is_not_overwritten(host: Host) -> None:
    """A record is evidence."""
    record = host.folder / "record"
    record.write_text("evidence")
    line = host.refusal(record=record)
    assert line == f"record: cannot write {record}: File exists; name a file that does not exist"
    assert record.read_text() == "evidence"


def test_settings_that_lead_nowhere_are_named(host: Host) -> None:
    """A configuration, a token, a tree, an address: each says which."""
    absent = host.folder / "absent"
    assert f"settings: cannot read {absent}: No such file" in host.refusal(config=absent)
    url = "http://127.0.0.1:1"
    token = host.refusal(service=url, token_file=absent, record=host.folder / "record")
    assert token.startswith(f"token_file: cannot read {absent}: No such file")
    assert not (host.folder / "record").exists()
    for root in (absent, host.folder):
        line = host.refusal(cgroup_root=root)
        assert line.startswith(f"cgroup_root: {root} is no cgroup v2 tree")
    assert "service: not a URL" in host.refusal(service="http://host:port")


def test_a_host_on_which_nothing_can_be_read_says_why(host: Host) -> None:
    """Each sensor that was looked for and its reason; those that are off are not."""
    empty = host.folder / "state"
    line = host.refusal(powercap_root=empty)
    assert line == (
        "sensors: nothing on this host can be read: "
        f"rapl: no RAPL zone in {empty} (a virtual machine, or no driver)"
    )


def test_a_spool_that_is_not_ours_is_refused(host: Host) -> None:
    """Another host's, a newer one: each one line, the file as it was."""
    path = host.folder / "state" / "spool.db"
    Spool(path, "another-host").close()
    assert "belongs to host another-host, this is host" in host.refusal()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    assert "has format 99, this agent knows 1" in host.refusal()


def test_a_wrong_command_line_is_a_usage_error() -> None:
    """Exit code 2, as for every command."""
    for arguments in (["start", "--page-seconds", "x"], ["--no-such"], ["stop"]):
        result = footprint_agent(*arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
    assert footprint_agent("--version").stdout.startswith("footprint-agent ")


def test_a_run_folder_that_others_can_write_is_refused(host: Host) -> None:
    """Who can write there could declare processes as a SIA's, or hold the lock."""
    folder = host.folder / "run"
    folder.mkdir()
    folder.chmod(0o777)
    assert host.refusal().startswith(f"lock: others can write to {folder}; ")


@pytest.mark.parametrize("program", ["footprint-agent", "footprint"])
def test_a_reader_that_has_enough_is_no_error(program: str, tmp_path: Path) -> None:
    """`| head` closes the pipe: no traceback, and the code that a shell gives for it."""
    words = ["doctor"]
    if program == "footprint":
        database = ["--database", str(tmp_path / "footprint.db")]
        subprocess.run([BIN / program, "migrate", *database], capture_output=True, check=True)
        words = ["fsck", *database]
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [BIN / program, *words], stdout=writes, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, b"")
