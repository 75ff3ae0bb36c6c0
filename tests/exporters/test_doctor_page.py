"""/doctor of a running agent: a page made aside, at most one at a time, that cannot harm it."""

import http.client
import sys
import threading
from pathlib import Path

import pytest

from exporters import doctor_html, doctor_served, telemetry
from exporters.doctor_served import DoctorPage
from exporters.settings import Settings
from tests.powercap import make_zone
from tests.running import Agent, ended, wait_until

PAGE = "print(\"default-src 'none'\", '<p>made</p>', sep='\\n')"


def page_of(program: str) -> DoctorPage:
    """A page whose examination is this program."""
    return DoctorPage(Settings(), (sys.executable, "-c", program))


def ask(address: str, method: str, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    """Answer and body of one request."""
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_a_running_agent_shows_its_doctor(tmp_path: Path) -> None:
    """The page says what is read, under headers that let nothing act; ticks go on meanwhile, and
    the agent loads nothing of the doctor's for it."""
    make_zone(tmp_path / "powercap", "intel-rapl:0", "package-0", range_uj=10**9, limit_uw=10**6)
    agent = Agent(tmp_path, "--powercap-root", str(tmp_path / "powercap"))
    with ended(agent):
        name = "footprint_agent_last_tick_timestamp_seconds"
        before = agent.metrics()[name]
        answer, body = ask(agent.address, "GET", "/doctor")
        assert answer.status == 200
        assert body.startswith(b'<!DOCTYPE html>\n<html lang="en">')
        assert b"host-under-test" in body
        assert b"package-0" in body
        policy = answer.headers["Content-Security-Policy"]
        assert policy == f"{doctor_html.POLICY}; frame-ancestors 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        head, nothing = ask(agent.address, "HEAD", "/doctor")
        assert (head.status, nothing) == (200, b"")
        assert int(head.headers["Content-Length"]) == len(body)
        assert ask(agent.address, "POST", "/doctor")[0].status == 501
        assert b'href="/doctor"' in ask(agent.address, "GET", "/")[1]
        wait_until(lambda: agent.metrics()[name] > before, "a tick after the page")
        assert agent.terminate() == 0


def test_an_agent_loads_nothing_of_the_doctor() -> None:
    """What its composition root imports has neither the examination nor the page in it."""
    program = (
        "import sys, exporters.cli\n"
        "assert not {'exporters.doctor', 'exporters.doctor_html'} & set(sys.modules)"
    )
    answer = page_of(f"{program}\n{PAGE}").answer()
    assert answer.body == b"<p>made</p>\n"


def test_the_newest_page_answers_for_ten_seconds(tmp_path: Path) -> None:
    """A second question makes no second examination."""
    count = tmp_path / "count"
    program = f"open({str(count)!r}, 'a').write('x')\n{PAGE}"
    page = page_of(program)
    assert page.answer() is page.answer()
    assert count.read_text() == "x"


def test_old_pages_are_examined_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the interval the next question is examined afresh."""
    monkeypatch.setattr(doctor_served, "EVERY_SECONDS", 0)
    count = tmp_path / "count"
    page = page_of(f"open({str(count)!r}, 'a').write('x')\n{PAGE}")
    assert page.answer() is not page.answer()
    assert count.read_text() == "xx"


def test_while_one_examines_others_get_the_last_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second examination waits for a file; who asks meanwhile is answered at once."""
    monkeypatch.setattr(doctor_served, "EVERY_SECONDS", 0)
    go, begun = tmp_path / "go", tmp_path / "begun"
    go.touch()
    program = (
        "import pathlib, time\n"
        f"go, begun = pathlib.Path({str(go)!r}), pathlib.Path({str(begun)!r})\n"
        "begun.touch()\nwhile not go.exists(): time.sleep(0.01)\n"
    )
    page = page_of(program + PAGE)
    first = page.answer()
    go.unlink()
    begun.unlink()
    found: list[doctor_served.Answer] = []
    other = threading.Thread(target=lambda: found.append(page.answer()))
    other.start()
    try:
        wait_until(begun.exists, "the second examination")
        assert page.answer() is first
    finally:
        go.touch()
        other.join()
    assert found[0] is not first


@pytest.mark.parametrize(
    "program",
    ["raise ValueError('secret')", "import os; os.abort()", "print('no page')", "pass"],
    ids=["exception", "crash", "half", "silence"],
)
def test_an_examination_that_fails_is_a_plain_line(program: str) -> None:
    """Whatever ends it, status 500 and what to do, nothing of its inside."""
    answer = page_of(program).answer()
    assert answer.status == 500
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.body.endswith(b"run on this host: footprint-agent doctor\n")
    assert b"secret" not in answer.body


def test_an_examination_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its time limit, by its own id."""
    monkeypatch.setattr(doctor_served, "MOST_SECONDS", 0.2)
    assert page_of("import time; time.sleep(600)").answer().status == 500


def test_a_program_that_is_not_there_is_a_plain_line(tmp_path: Path) -> None:
    """An interpreter that was removed under a running agent."""
    gone = DoctorPage(Settings(), (str(tmp_path / "gone"),))
    assert gone.answer().status == 500


def test_without_a_doctor_the_page_is_not_there() -> None:
    """The server of an exposition alone."""
    server = telemetry.serve(telemetry.Exposition(), ("127.0.0.1", 0))
    try:
        answer, _ = ask(f"127.0.0.1:{server.server_address[1]}", "GET", "/doctor")
        assert answer.status == 404
    finally:
        server.shutdown()
        server.server_close()
