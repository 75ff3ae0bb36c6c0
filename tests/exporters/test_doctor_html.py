"""The doctor's page: whole by itself, harmless whatever hardware is called, accessible by axe."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from exporters import doctor_html, doctor_report
from exporters.checkup import Check
from exporters.doctor_report import NodeProof, Proof, Report
from tests.portal.browsing import AXE, FLAGS
from tests.portal.test_browser import VIEWS
from tests.tools import require_tool

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202egnp.exe\n</style>\"'&\udcff" + "x" * 300
CARD = "GPU-5b4e07f6-3a86-4340-039d-25f2a83cdc43"


def report(**changes: object) -> Report:
    """A host whose processors, card and BMC are read."""
    found: dict[str, object] = {
        "at": "2026-11-21T13:32:07+00:00",
        "version": "0.1.0",
        "method": "2026.1",
        "host": {
            "host_id": "gpu-01",
            "machine": "Maker Server 9000",
            "processor": "Processor 8480",
            "logical_cpus": "224",
            "kernel": "6.1.0",
            "virtualised": "no",
        },
        "devices": [
            Proof("rapl", "package-0", "cpu", "counter", False, "package", 231.4),
            Proof("rapl", "psys", None, "counter", True, "platform", 512.0),
            Proof("nvml", CARD, "gpu", "counter", False, "board", 612.3),
            Proof("model", "m", "cpu", "modelled", False, "all", 5.0, parameters={"scale": "1"}),
        ],
        "nodes": [NodeProof("bmc", "redfish", "https://bmc", "counter", None, 1234.5)],
        "checks": [
            Check("cpu package-0", "ok", "231.4 W (counter, read by rapl)"),
            Check("dram", "missing", "nothing measures memory: unknown", "a node meter sees it"),
            Check("service", "note", "none configured", "give --service URL"),
        ],
        "boundary": {"cpu": "counter", "dram": "absent", "gpu": "counter"},
        "ok": True,
    }
    return Report(**(found | changes))  # type: ignore[arg-type]


def broken() -> Report:
    """A host on which nothing works."""
    return report(
        devices=[Proof("nvml", CARD, "gpu", "counter", False, "board", None, "permission", "no")],
        nodes=[NodeProof("bmc", "redfish", "https://bmc", "", None, cause="permission")],
        checks=[
            Check("rapl", "BROKEN", "cannot read energy_uj: permission denied", "the udev rule"),
            Check(f"gpu {CARD}", "BROKEN", "Insufficient Permissions", "run as root"),
            Check("node bmc", "BROKEN", "answered 401", "check user and password_file"),
        ],
        ok=False,
    )


def hostile() -> Report:
    """Every text that comes from elsewhere is as bad as it can be."""
    return report(
        host=dict.fromkeys(("host_id", "machine", "processor", "kernel"), HOSTILE)
        | {"logical_cpus": "2"},
        devices=[
            Proof(*[HOSTILE] * 4, False, HOSTILE, 1.0),
            Proof("m", HOSTILE, "cpu", "modelled", False, "", None, parameters={HOSTILE: HOSTILE}),
        ],
        nodes=[NodeProof(*[HOSTILE] * 4, 1.0)],
        checks=[Check(HOSTILE, "BROKEN", HOSTILE, HOSTILE)],
        ok=False,
    )


REPORTS = {"good": report(), "broken": broken(), "hostile": hostile()}
every_report = pytest.mark.parametrize("one", REPORTS.values(), ids=REPORTS)


class Reader(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@every_report
def test_the_page_needs_nothing_else_and_runs_nothing(one: Report) -> None:
    """No script, no address to load from, one style sheet that its own policy names by hash."""
    page = doctor_html.page(one)
    read = Reader(page)
    names = {tag for tag, _ in read.tags}
    assert not names & {"script", "link", "img", "iframe", "a", "form", "base", "object"}
    assert not any(key in found for _, found in read.tags for key in ("src", "href", "style"))
    assert not any(key.startswith("on") for _, found in read.tags for key in found)
    [style] = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    [policy] = [found["content"] for _, found in read.tags if "http-equiv" in found]
    assert policy == doctor_html.POLICY
    assert f"style-src 'sha256-{digest}'" in doctor_html.POLICY
    assert doctor_html.POLICY.startswith("default-src 'none'")


@every_report
def test_the_page_is_well_made(one: Report) -> None:
    """Language, one h1, heads with scope, ASCII; each state in words."""
    page = doctor_html.page(one)
    assert page.isascii()
    read = Reader(page)
    assert ("html", {"lang": "en"}) in read.tags
    assert sum(tag == "h1" for tag, _ in read.tags) == 1
    assert all("scope" in found for tag, found in read.tags if tag == "th")
    assert all(check.state in read.text for check in one.checks)


def test_names_of_hardware_stay_text() -> None:
    """Markup shows as text; what would act on a terminal or turn a line around is written out."""
    shown = HOSTILE.replace("\x1b", "[U+001B]").replace("\u202e", "[U+202E]")
    shown = shown.replace("\n", "[U+000A]").replace("\udcff", "[U+DCFF]")
    assert shown in Reader(doctor_html.page(hostile())).text
    lines = list(doctor_report.text(hostile()))
    assert any(shown in line for line in lines)
    assert all(line.isprintable() for line in lines)


def test_what_is_broken_comes_first_with_its_remedy() -> None:
    """In the title, in the verdict, and at the head of the list."""
    page = doctor_html.page(report(checks=[*report().checks, *broken().checks], ok=False))
    text = Reader(page).text
    assert "<title>BROKEN: gpu-01, footprint-agent doctor</title>" in page
    assert "3 things that should work do not: see BROKEN below." in text
    assert text.index("Remedy: the udev rule") < text.index("231.4 W (counter")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it."""
    path = require_tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
@pytest.mark.parametrize("name", REPORTS)
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    browser: Browser, tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    """WCAG 2.1 A and AA and axe's good practice, light and dark, wide and at 320 pixels; the
    page's policy lets its own style in, and the console has nothing to say."""
    file = tmp_path / "doctor.html"
    file.write_text(doctor_html.page(REPORTS[name]), encoding="ascii")
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    try:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 29)")
        assert said == []
        results = Axe().run(page, options=AXE)
        assert results.violations_count == 0, results.generate_report()
    finally:
        context.close()
