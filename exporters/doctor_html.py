"""The doctor's report as one page: for a ticket, and for a browser beside /metrics.

In: a `Report`. Out: HTML in ASCII that needs nothing else: no script, no address of another place,
one style sheet inside, whose hash is in the page's own policy. Every text of the report is others'
(firmware, files, a BMC): all of it goes through `_words`.
"""

import html
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from exporters import doctor_report
from exporters.checkup import Check
from exporters.doctor_report import NodeProof, Proof, Report, Summary

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #161b24; --soft: #4a5464; --line: #c9d0da;
  --bad: #8a1414; --bad-ground: #fdeaea; --good: #1c6b3c; --good-ground: #e9f6ee;
  --focus: #1d3f8f; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161d; --ink: #e8ebf0; --soft: #aeb7c4;
  --line: #3a4453; --bad: #ffc2c2; --bad-ground: #421c1f; --good: #7fd3a0; --good-ground: #14301f;
  --focus: #9dbcff; } }
*, ::before, ::after { box-sizing: border-box; }
body { margin: 0 auto; padding: 0 1rem 2rem; max-width: 66rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif;
  overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1.5rem 0 .25rem; }
h2 { font-size: 1.2rem; line-height: 1.25; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; }
.soft, caption { color: var(--soft); }
.verdict { margin: 1rem 0; padding: .6rem .8rem; border-left: .4rem solid; font-weight: 600; }
.verdict.bad { color: var(--bad); background: var(--bad-ground); border-color: var(--bad); }
.verdict.good { color: var(--good); background: var(--good-ground); border-color: var(--good); }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .45rem .6rem .45rem 0;
  border-bottom: 1px solid var(--line); }
thead th { border-bottom-width: 2px; }
tbody th { font-weight: 600; }
.state { white-space: nowrap; }
.findings, .pairs { table-layout: fixed; }
.findings .about { width: 17rem; }
tbody .about .state { display: inline-block; width: 6.5rem; font-weight: 400; }
tbody .bad .state { color: var(--bad); font-weight: 700; }
.good .state { color: var(--good); }
.remedy { margin-top: .3rem; padding-left: .7rem; border-left: .2rem solid var(--line); }
.scroll { overflow-x: auto; }
.scroll td:last-child { min-width: 12rem; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td.number, th.number { padding-right: 1.5rem; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
@media (max-width: 40rem) { body { padding: 0 .75rem 1rem; font-size: .9375rem; }
  h1 { font-size: 1.3rem; } .findings .about { width: 6.4rem; }
  tbody .about .state { display: block; } }
@media print { .scroll { overflow: visible; } tr { break-inside: avoid; } }
"""
POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + b64encode(sha256(STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'"
)
"""The Content-Security-Policy that the page is made for."""

ANSWERS = {
    "read": ("\u2713 yes", "good"),
    "modelled": ("\u2248 modelled", ""),
    "unread": ("\u2717 no", "bad"),
    "none": ("\u2013 none here", ""),
}
NUMBER = ' class="number"'
STATES = {
    "BROKEN": ("\u2717 BROKEN", "bad", "should work, and does not"),
    "missing": ("\u2013 missing", "", "what this host does not offer"),
    "note": ("\u2022 note", "", "good to know"),
    "ok": ("\u2713 ok", "good", "works"),
}
"""By state, the most urgent first: its words with a sign, its class, what it means."""


def page(report: Report) -> str:
    """The whole page, in ASCII: right whatever the encoding of the terminal that writes it."""
    whole = "\n".join(_page(report)) + "\n"
    return whole.encode("ascii", "xmlcharrefreplace").decode()


def _words(text: object) -> str:
    return html.escape(doctor_report.plain(str(text)))


def _page(report: Report) -> Iterator[str]:
    host = _words(report.host.get("host_id", "without a code"))
    verdict = doctor_report.verdict(report)
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{'OK' if report.ok else 'BROKEN'}: {host}, footprint-agent doctor</title>"
    yield f"<style>{STYLE}</style>\n</head>\n<body>\n<main>"
    yield f"<h1>footprint-agent doctor: host {host}</h1>"
    yield f"<p>{_words(doctor_report.host_line(report))}</p>"
    at = report.at.replace("T", " ").replace("+00:00", " UTC")
    yield (
        f'<p class="soft">Examined at <time datetime="{_words(report.at)}">{_words(at)}</time> '
        f"by footprint-agent {_words(report.version)}, method {_words(report.method)}.</p>"
    )
    sign, kind = ("\u2713", "good") if report.ok else ("\u2717", "bad")
    yield f'<p class="verdict {kind}">{sign} {_words(verdict.replace(" above", " below"))}</p>'
    yield from _in_short(doctor_report.summaries(report))
    yield from _findings(report.checks)
    yield from _devices(report.devices, report.nodes)
    yield from _parameters(report.devices)
    yield (
        "<h2>Again</h2>\n<p>On the host: <code>footprint-agent doctor</code>. It writes nothing, "
        "and may run beside the agent.</p>\n</main>\n</body>\n</html>"
    )


def _in_short(summaries: Iterable[Summary]) -> Iterator[str]:
    yield '<h2>Is it read?</h2>\n<table class="findings">\n<thead><tr>'
    yield '<th scope="col" class="about">Read, and what</th><th scope="col">How</th></tr></thead>'
    yield "<tbody>"
    for one in summaries:
        state, kind = ANSWERS[one.answer]
        boundary = f"; boundary: {one.boundary}" if one.boundary else ""
        name = one.name.partition(" ")[2]
        name = name[0].upper() + name[1:]
        yield (
            f'<tr class="{kind}"><th scope="row" class="about"><span class="state">{state}</span> '
            f"{_words(name)}</th><td>{_words(one.says)}{_words(boundary)}</td></tr>"
        )
    yield "</tbody>\n</table>"


def _findings(checks: Sequence[Check]) -> Iterator[str]:
    yield '<h2 id="findings">Findings and remedies</h2>\n<table class="findings">\n<caption>'
    yield "; ".join(f"{words}: {meaning}" for words, _, meaning in STATES.values())
    yield '</caption>\n<thead><tr><th scope="col" class="about">State and subject</th>'
    yield '<th scope="col">Finding</th></tr></thead>'
    yield "<tbody>"
    for check in sorted(checks, key=lambda check: list(STATES).index(check.state)):
        words, kind, _ = STATES[check.state]
        remedy = ""
        if check.remedy:
            remedy = f'<p class="remedy"><b>Remedy:</b> {_words(check.remedy)}</p>'
        yield (
            f'<tr class="{kind}"><th scope="row" class="about"><span class="state">{words}</span> '
            f"{_words(check.about)}</th>"
            f"<td>{_words(check.says)}{remedy}</td></tr>"
        )
    yield "</tbody>\n</table>"


def _devices(devices: Sequence[Proof], nodes: Sequence[NodeProof]) -> Iterator[str]:
    if not (devices or nodes):
        return
    yield '<h2 id="devices">What was read</h2>\n<div class="scroll" role="region" tabindex="0" '
    yield 'aria-labelledby="devices">\n<table>\n<caption>Two readings a second apart. Evidence is '
    yield "recorded beside, and added to nothing.</caption>\n<thead><tr>"
    heads = ("Device", "Counts as", "Power", "Quality", "By", "Covers")
    yield from (f'<th scope="col"{NUMBER * (head == "Power")}>{head}</th>' for head in heads)
    yield "</tr></thead>\n<tbody>"
    for proof in devices:
        role = "evidence" if proof.evidence else proof.component
        cells = (role, doctor_report.power(proof), proof.quality, proof.sensor, proof.covers)
        yield _device(proof.device, cells)
    for node in nodes:
        cells = ("wall", doctor_report.power(node), node.quality, node.sensor, "the whole host")
        yield _device(node.meter, cells)
    yield "</tbody>\n</table>\n</div>"


def _device(name: str, cells: Sequence[object]) -> str:
    row = "".join(
        f"<td{NUMBER if place == 1 else ''}>{_words(cell or 'unknown')}</td>"
        for place, cell in enumerate(cells)
    )
    return f'<tr><th scope="row">{_words(name)}</th>{row}</tr>'


def _parameters(devices: Sequence[Proof]) -> Iterator[str]:
    for proof in devices:
        if proof.quality != "modelled":
            continue
        yield f"<h2>Parameters of the model: {_words(proof.device)}</h2>"
        yield '<table class="pairs">'
        yield '<thead><tr><th scope="col">Parameter</th><th scope="col">Value</th></tr></thead>'
        yield "<tbody>"
        for name, value in proof.parameters.items():
            yield f'<tr><th scope="row">{_words(name)}</th><td>{_words(value)}</td></tr>'
        yield "</tbody>\n</table>"
