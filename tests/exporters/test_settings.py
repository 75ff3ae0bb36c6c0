"""Settings: defaults that work, a file, the command line over it, one line for what is wrong."""

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exporters import host
from exporters.errors import SettingsError
from exporters.settings import Factor, Reservation, Settings, Workload, load


def file(folder: Path, text: str) -> Path:
    """A configuration file."""
    path = folder / "agent.toml"
    path.write_text(text)
    return path


def refusal(path: Path | None, **overrides: Any) -> str:
    """The line with which settings are refused."""
    with pytest.raises(SettingsError) as caught:
        load(path, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    """Nothing has to be set."""
    settings = load(file(tmp_path, ""), {})
    assert settings == Settings()
    assert (settings.page_seconds, settings.checkpoint_seconds) == (900, 10)
    assert settings.listen_address == ("127.0.0.1", 9877)
    assert (settings.service, settings.record, settings.factor) == (None, None, None)
    assert settings.state_path.is_absolute()
    assert settings.run_path.is_absolute()


def test_everything_can_be_set_in_the_file(tmp_path: Path) -> None:
    """Tables and lists of tables too."""
    path = file(
        tmp_path,
        """
        host_id = "gpu-17"
        service = "https://footprint.example"
        state_dir = "/var/lib/x"
        listen = "[::1]:1234"
        page_seconds = 60
        nvml = "off"
        factor = {grams_per_kwh = 46.1, zone = "FR", source = "ADEME", valid_from = "2024-01-01"}
        [[workloads]]
        cgroup = "/system.slice/chat-*.service/"
        sia = "chat"
        [[reservations]]
        sia = "vision"
        gpus = ["GPU-1", "GPU-2"]
        """,
    )
    settings = load(path, {})
    assert (settings.host_id, settings.page_seconds, settings.nvml) == ("gpu-17", 60, "off")
    assert settings.state_path == Path("/var/lib/x")
    assert settings.listen_address == ("::1", 1234)
    assert settings.factor == Factor(Decimal("46.1"), "FR", "ADEME", "2024-01-01")
    assert settings.workloads == [Workload("/system.slice/chat-*.service/", "chat")]
    assert settings.reservations == [Reservation("vision", ["GPU-1", "GPU-2"])]


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    """An option that was not given leaves the file's value."""
    path = file(tmp_path, 'page_seconds = 60\nhost_id = "from-file"\n')
    settings = load(path, {"page_seconds": 5, "host_id": None, "listen": None})
    assert (settings.page_seconds, settings.host_id) == (5, "from-file")
    assert settings.listen == "127.0.0.1:9877"


def test_an_unknown_setting_is_fatal_and_names_the_known_ones(tmp_path: Path) -> None:
    """A misspelt setting must not be taken for its default, at no level."""
    path = file(tmp_path, "page_second = 60\n")
    line = refusal(path)
    assert "unknown field `page_second`" in line
    assert str(path) in line
    assert "known settings: host_id, service, " in line
    file(tmp_path, '[[workloads]]\ncgroup = "a"\nsia = "chat"\nuser = "x"\n')
    assert "unknown field `user`" in refusal(path)
    assert "known in workloads: cgroup, sia, label, account" in refusal(path)


WRONG = {
    "page_seconds = 7": "page_seconds: 7 does not divide 900",
    "page_seconds = 0": "page_seconds: 0 does not divide 900",
    "page_seconds = -60": "page_seconds: -60 does not divide 900",
    "page_seconds = 1800": "page_seconds: 1800 does not divide 900",
    'page_seconds = "60"': "Expected `int`, got `str`",
    "checkpoint_seconds = 0": "Expected `int` >= 1",
    "checkpoint_seconds = 31": "Expected `int` <= 30",
    'listen = "9877"': "listen: '9877' is not ADDRESS:PORT",
    'listen = ":9877"': "listen: ':9877' is not ADDRESS:PORT",
    'listen = "127.0.0.1:"': "is not ADDRESS:PORT",
    'listen = "127.0.0.1:http"': "is not ADDRESS:PORT",
    'listen = "127.0.0.1:65536"': "is not ADDRESS:PORT",
    'listen = "127.0.0.1:²"': "is not ADDRESS:PORT",
    'service = "footprint.example"': "service: 'footprint.example' is not a URL",
    'service = "ftp://footprint.example"': "is not a URL; write https://HOST[:PORT]",
    'workload_group = "a/b"': "workload_group: 'a/b' is not a code",
    'rapl = "on"': "Invalid enum value 'on'",
    "factor = 46": "Expected `object | null`, got `int`",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_setting_without_sense_is_one_line(tmp_path: Path, text: str) -> None:
    """What is wrong, and what would be right."""
    assert WRONG[text] in refusal(file(tmp_path, text))


@pytest.mark.parametrize("value", ["-1", "10000", "nan", "inf", '"sNaN"'])
def test_a_factor_that_is_none_is_refused(tmp_path: Path, value: str) -> None:
    """Grams per kilowatt-hour lie between nothing and ten kilograms."""
    rest = 'zone = "FR", source = "s", valid_from = "2024"'
    line = refusal(file(tmp_path, f"factor = {{grams_per_kwh = {value}, {rest}}}"))
    assert "is no emission factor; write grams of CO2 equivalent per kilowatt-hour" in line


def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    """Not there, a folder, not TOML, not text."""
    absent = tmp_path / "absent.toml"
    assert f"settings: cannot read {absent}: No such file or directory" in refusal(absent)
    assert f"settings: cannot read {tmp_path}: Is a directory" in refusal(tmp_path)
    path = file(tmp_path, "page_seconds 60")
    assert f"settings: {path} is not TOML: Expected '='" in refusal(path)
    path.write_bytes(b"\xff\xfe")
    assert f"settings: {path} is not TOML: " in refusal(path)


def test_a_host_has_a_code_that_does_not_tell_its_machine_id(tmp_path: Path) -> None:
    """The same machine id gives the same code, another another; the id is not in it."""
    file_ = tmp_path / "machine-id"
    secrets = ["0123456789abcdef" * 2, "0123456789abcdee" * 2]
    found = []
    for secret, _ in itertools.product(secrets, range(2)):
        file_.write_text(f"{secret}\n")
        found.append(host.host_id(None, file_))
        assert secret[:8] not in found[-1]
        assert len(found[-1]) == len("h-") + 16
    assert found[0] == found[1] != found[2] == found[3]
    assert host.host_id("gpu-17", file_) == "gpu-17"


@pytest.mark.parametrize("content", ["", "\n", "uninitialized\n", "0123\n"])
def test_a_machine_without_id_must_be_named(tmp_path: Path, content: str) -> None:
    """Images carry an empty machine id: every host made of one would be the same host."""
    file_ = tmp_path / "machine-id"
    file_.write_text(content)
    with pytest.raises(SettingsError, match=r"holds no machine id .*set host_id"):
        host.host_id(None, file_)
    with pytest.raises(SettingsError, match=r"cannot read .*set host_id"):
        host.host_id(None, tmp_path / "absent")
    with pytest.raises(SettingsError, match="host_id: 'Host 1' is not a code"):
        host.host_id("Host 1", file_)
