"""What the doctor says of node meters: read at so many watts, or what is wrong and its remedy."""

import json
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from exporters import doctor_nodes
from exporters.checkup import Check
from exporters.clock import Boot
from exporters.doctor_report import NodeProof
from exporters.sensors import redfish
from exporters.settings import Bmc, Settings
from tests.exporters.nobody import require_root, shared_folder
from tests.exporters.test_doctor import config, doctor
from tests.exporters.test_ipmi import ANSWER
from tests.exporters.test_redfish import SECRET, Service, dripping, power, service
from tests.tools import require_tool

__all__ = ["service"]  # a fixture


def bmc_settings(folder: Path, url: str, password: str = SECRET, **changes: str) -> Settings:
    """Settings with one BMC."""
    secret = folder / "password"
    secret.write_text(password)
    return Settings(bmc=[Bmc(url, "meter", str(secret), **changes)])


def look(settings: Settings, **place: object) -> tuple[list[NodeProof], list[Check]]:
    """What the doctor finds of node meters; the second between two readings is not waited for."""
    proofs, checks = doctor_nodes.examine(settings, Boot("boot"), lambda _: None, **place)  # type: ignore[arg-type]
    assert not any(SECRET in check.says + check.remedy for check in checks)
    return proofs, checks


def trouble(settings: Settings, **place: object) -> tuple[str, str, str]:
    """State, finding and remedy of the one node meter."""
    proofs, [check] = look(settings, **place)
    assert not any(proof.read for proof in proofs)
    return check.state, check.says, check.remedy


def test_a_bmc_is_read_at_the_wall(service: Service, tmp_path: Path) -> None:
    """Watts, by what, boundary: in text, JSON and on the page; the password in none of them."""
    service.chassis("1", Power=power(500, 270, 280))
    (tmp_path / "password").write_text(SECRET)
    settings = (
        f'[[bmc]]\nurl = "{service.url}"\nuser = "meter"\n'
        f'password_file = "{tmp_path}/password"\nname = "front"\n'
    )
    code, text = doctor(tmp_path, *config(tmp_path, settings))
    assert code == 0, text
    assert "reading the whole host: 550 W at the wall (integrated, by redfish)" in text
    line = f"550.0 W (integrated, read by redfish: {service.url}; boundary wall)"
    assert f"ok       node front: {line}" in text
    assert "in the node meter's energy, boundary wall" in text
    _, found = doctor(tmp_path, *config(tmp_path, settings), "--format", "json")
    [node] = json.loads(found)["nodes"]
    assert (node["meter"], node["power_watts"], node["boundary"]) == ("front", 550.0, "wall")
    _, page = doctor(tmp_path, *config(tmp_path, settings), "--format", "html")
    assert line in page
    assert not any(SECRET in one for one in (text, found, page))


def test_a_password_that_goes_unencrypted_is_a_note(tmp_path: Path) -> None:
    """Beside whatever else is found of that BMC."""
    _, checks = look(bmc_settings(tmp_path, "http://0.0.0.0:1"))
    note, found = checks
    assert (note.state, found.state) == ("note", "BROKEN")
    assert "http:// sends its user's password unencrypted" in note.says
    assert "write https://" in note.remedy


def test_a_bmc_that_sends_a_byte_at_a_time_is_broken_and_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor ends, with a line and a remedy."""
    monkeypatch.setattr(redfish, "TIMEOUT_SECONDS", 0.3)
    with dripping(b"HTTP/1.1 200 OK\r\n") as url:
        state, says, remedy = trouble(bmc_settings(tmp_path, url))
    assert state == "BROKEN"
    assert "timed out" in says
    assert "restart the BMC" in remedy


def test_an_energy_counter_proves_itself_by_its_stand(service: Service, tmp_path: Path) -> None:
    """It moves in steps: that it stands for a second is no defect; that it moves gives watts."""
    metrics = {"EnergykWh": {"Reading": 1234.5}}
    service.chassis("1", EnvironmentMetrics=metrics)
    settings = bmc_settings(tmp_path, service.url)
    [proof], [check] = look(settings)
    assert (proof.power_watts, proof.counted_kwh, check.state) == (None, 1234.5, "ok")
    assert "its counter stands at 1,234.500 kWh, and moves in steps" in check.says
    times = iter([0, 10**9])
    boot = Boot("boot", lambda: next(times))

    def pause(_: float) -> None:
        metrics["EnergykWh"]["Reading"] += 0.0001

    [proof], [check] = doctor_nodes.examine(settings, boot, pause)
    assert proof.power_watts == pytest.approx(360)
    assert check.says.startswith("360.0 W (counter, read by redfish")


def test_each_trouble_of_a_bmc_has_its_remedy(service: Service, tmp_path: Path) -> None:
    """Wrong password, no power metric, 0 W, another web server, nobody there."""
    service.chassis("1", Power=power(0))
    at = service.url
    cases = {
        "answers 0 W": (bmc_settings(tmp_path, at), "firmware"),
        "connection refused": (bmc_settings(tmp_path, "http://127.0.0.1:9"), "web service is on"),
        "url: write https": (bmc_settings(tmp_path, "bmc"), "write https://HOST"),
    }
    for words, (settings, remedy) in cases.items():
        state, says, found = trouble(settings)
        assert (state, words in says or words in found, remedy in found) == ("BROKEN", True, True)
    wrong = trouble(bmc_settings(tmp_path, at, "another secret"))
    assert "answered 401" in wrong[1]
    assert wrong[2] == "check user and password_file"
    assert "another secret" not in str(wrong)
    service.documents.clear()
    assert "answered 404" in trouble(bmc_settings(tmp_path, at))[1]
    service.chassis("1", Thermal={})
    _, says, remedy = trouble(bmc_settings(tmp_path, at))
    assert "no chassis has EnergykWh, PowerSupplies, PowerControl or PowerWatts" in says
    assert "firmware" in remedy


def test_a_missing_password_file_says_that_the_agent_does_not_start(tmp_path: Path) -> None:
    """One BMC that cannot be asked does not hide the next."""
    rules = [
        Bmc("http://127.0.0.1:9", "m", str(tmp_path / "none"), name="one"),
        Bmc("http://127.0.0.1:9", "m", str(tmp_path / "none"), name="two"),
    ]
    _, checks = look(Settings(bmc=rules))
    assert [check.about for check in checks] == ["node one", "node two"]
    assert all("with this the agent does not start" in check.says for check in checks)
    assert all(check.remedy.startswith("put the password") for check in checks)


def test_a_certificate_that_nobody_vouches_for_leads_to_ca_file(
    service: Service, tmp_path: Path
) -> None:
    """The BMC's own certificate: refused, and taken where ca_file names it."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *(require_tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
            *("-keyout", key, "-out", certificate, "-subj", "/CN=bmc"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    service.listening.socket = context.wrap_socket(service.listening.socket, server_side=True)
    service.chassis("1", Power=power(500))
    url = service.url.replace("http:", "https:")
    state, says, remedy = trouble(bmc_settings(tmp_path, url))
    assert (state, "certificate not trusted" in says) == ("BROKEN", True)
    assert remedy.startswith("set ca_file to the certificate (PEM)")
    [proof], _ = look(bmc_settings(tmp_path, url, ca_file=str(certificate)))
    assert proof.power_watts == 500
    unreadable = trouble(bmc_settings(tmp_path, url, ca_file=str(key)))
    assert "give a PEM file of certificates" in unreadable[2]


def tool(folder: Path, script: str) -> dict[str, object]:
    """A host with an IPMI device and that ipmitool."""
    (folder / "ipmi0").touch()
    (folder / "ipmitool").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "ipmitool").chmod(0o755)
    return {"devices": [folder / "ipmi0"], "path": str(folder)}


def test_a_host_without_bmc_keeps_the_plain_note(tmp_path: Path) -> None:
    """No device is no trouble; on a real machine the note says how to have one."""
    proofs, checks = look(Settings(), devices=[tmp_path / "none"], path=str(tmp_path))
    assert (proofs, checks) == ([], [])
    note = doctor_nodes.boundary_check(proofs, tried=False, real=True)
    assert note.state == "note"
    assert "modprobe ipmi_si ipmi_devintf" in note.remedy
    guest = doctor_nodes.boundary_check(proofs, tried=False, real=False)
    assert guest.remedy == "meter the whole host with a node meter (BMC, PDU)"


def test_ipmi_is_read_at_the_wall(tmp_path: Path) -> None:
    """By ipmitool, as the agent does; switched off it is not asked."""
    (tmp_path / "answer").write_text(ANSWER.format(watts=220, state="activated"))
    place = tool(tmp_path, f'while read -r line; do echo "$line"; done < {tmp_path}/answer')
    [proof], [check] = look(Settings(), **place)
    assert (proof.power_watts, proof.boundary) == (220.0, "wall")
    assert check.says.startswith("220.0 W (integrated, read by ipmi: ipmitool dcmi power reading")
    assert look(Settings(ipmi="off"), **place) == ([], [])


@pytest.mark.parametrize(
    ("script", "state", "remedy"),
    [
        ("echo 'Could not open device at /dev/ipmi0' >&2; exit 1", "BROKEN", "DeviceAllow"),
        ("echo 'Get HPM.x failed' >&2; exit 1", "BROKEN", "run as the agent's user: ipmitool"),
        ("echo nothing", "missing", "name it in agent.toml (bmc)"),
        ("echo '    Power reading state is:    deactivated'", "missing", "dcmi power activate"),
    ],
    ids=["device closed", "other error", "no DCMI", "not activated"],
)
def test_each_trouble_of_ipmi_has_its_remedy(
    tmp_path: Path, script: str, state: str, remedy: str
) -> None:
    """What ipmitool answers, and what to do; a BMC without DCMI is no defect."""
    found, _, what_to_do = trouble(Settings(), **tool(tmp_path, script))
    assert (found, remedy in what_to_do) == (state, True)


def test_a_device_without_tool_is_missing_with_the_tool_to_install(tmp_path: Path) -> None:
    """The host has a BMC and nothing reads it: said, and no reason to call the host broken."""
    (tmp_path / "ipmi0").touch()
    place = {"devices": [tmp_path / "ipmi0"], "path": str(tmp_path)}
    state, says, remedy = trouble(Settings(), **place)
    assert (state, says) == ("missing", f"{tmp_path}/ipmi0 is there, ipmitool is not")
    assert remedy.startswith("install ipmitool")


def test_a_device_of_roots_is_missing_for_others() -> None:
    """/dev/ipmi0 as kernels make it, 0600, and as the shipped unit leaves it: Redfish first, else
    the udev rule that opens it."""
    require_root()
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from exporters import doctor_nodes\nfrom exporters.clock import Boot\n"
        "from exporters.settings import Settings\n"
        "device = Path(sys.argv[1])\ndevice.touch(0o600)\n"
        "os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "_, [check] = doctor_nodes.examine(Settings(), Boot('b'), print, [device])\n"
        "print(check.state, check.says, check.remedy, sep='|')"
    )
    with shared_folder() as folder:
        answer = subprocess.run(
            [sys.executable, "-c", program, folder / "ipmi0"],
            capture_output=True,
            text=True,
            check=True,
        )
    state, says, remedy = answer.stdout.strip().split("|")
    assert (state, says) == ("missing", f"cannot open {folder}/ipmi0: permission denied")
    assert remedy.startswith("name the BMC in agent.toml")
    assert 'KERNEL=="ipmi*", GROUP="footprint"' in remedy
