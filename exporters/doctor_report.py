"""What the doctor found, as plain structs, in lines for a person, and as JSON.

In: proofs and checks. Out: a `Report` that every form (text, JSON, page) is made from. Names of
hardware and answers of programs are others' words: `plain` keeps them from acting on a terminal.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from exporters.checkup import Check

ANSWERS = {
    "read": "reading",
    "modelled": "estimating",
    "unread": "NOT reading",
    "none": "not reading",
}
READERS = {"cpu": ("rapl",), "dram": (), "gpu": ("nvml",)}
"""What checks are about that a component is read by."""
NAMES = {"cpu": "processors", "dram": "memory", "gpu": "GPU"}


class Proof(msgspec.Struct, frozen=True):
    """A device as two readings showed it; `power_watts` None where they prove nothing."""

    sensor: str
    device: str
    component: str | None
    quality: str
    evidence: bool
    covers: str
    power_watts: float | None
    cause: str = ""
    error: str = ""
    parameters: dict[str, str] = {}


class NodeProof(msgspec.Struct, frozen=True):
    """A node meter as its readings showed it, `by` what; it is outside every component's boundary.

    `power_watts` is None where they prove nothing, or where the counter that `counted_kwh` was read
    from did not move between two readings: a BMC counts in steps.
    """

    meter: str
    sensor: str
    by: str
    quality: str
    power_watts: float | None
    counted_kwh: float | None = None
    cause: str = ""
    error: str = ""
    boundary: Literal["wall"] = "wall"

    @property
    def read(self) -> bool:
        """Whether a reading proved it."""
        return not self.cause


class Report(msgspec.Struct, frozen=True):
    """Everything found `at` an instant (UTC); `ok` is false where something that should work does
    not."""

    at: str
    version: str
    method: str
    host: dict[str, str]
    devices: list[Proof]
    nodes: list[NodeProof]
    checks: list[Check]
    boundary: dict[str, str]
    ok: bool


class Summary(msgspec.Struct, frozen=True):
    """One line in short: what of this host, whether it is read, and inside which boundary."""

    name: str
    answer: Literal["read", "modelled", "unread", "none"]
    says: str
    boundary: str = ""


def plain(text: str) -> str:
    """The text with what would act on a terminal or reorder a page written out."""
    return "".join(
        character if unicodedata.category(character)[0] not in "C" else f"[U+{ord(character):04X}]"
        for character in text
    )


def text(report: Report) -> Iterator[str]:
    """The report in lines for a person."""
    return (plain(line) for line in _lines(report))


def as_json(report: Report) -> str:
    """The report as one JSON object."""
    return msgspec.json.format(msgspec.json.encode(report)).decode()


def host_line(report: Report) -> str:
    """What this machine is."""
    facts = report.host
    kind = {"yes": "virtual machine", "no": "physical machine"}.get(facts.get("virtualised", ""))
    parts = (
        f"host {facts.get('host_id', 'without a code')}",
        facts.get("machine", ""),
        facts.get("processor", ""),
        f"{facts['logical_cpus']} logical CPUs",
        kind or "",
        f"Linux {facts['kernel']}",
    )
    return ", ".join(part for part in parts if part)


def verdict(report: Report) -> str:
    """The whole in one sentence."""
    broken = sum(check.state == "BROKEN" for check in report.checks)
    if broken:
        things = (
            "1 thing that should work does"
            if broken == 1
            else f"{broken} things that should work do"
        )
        return f"{things} not: see BROKEN above."
    return "All that should work does."


def summaries(report: Report) -> Iterator[Summary]:
    """Each component, then the whole host."""
    for name in NAMES:
        yield _component(name, report.devices, report.checks)
    yield _whole(report.nodes, report.checks)


def gpu_there(checks: Iterable[Check]) -> bool:
    """Whether something said that there is a GPU that nobody reads."""
    return any(
        check.about in ("nvml", "gpu") and "on the PCI bus" in check.says for check in checks
    )


def power(proof: Proof | NodeProof) -> str:
    """Its watts in words."""
    return "no reading" if proof.power_watts is None else f"{proof.power_watts:.1f} W"


def _lines(report: Report) -> Iterator[str]:
    yield f"footprint-agent {report.version}, method {report.method}"
    yield host_line(report)
    yield ""
    for one in summaries(report):
        yield f"{ANSWERS[one.answer]} {one.name}: {one.says}"
    yield ""
    for check in report.checks:
        yield f"{check.state:8} {check.about}: {check.says}"
        if check.remedy:
            yield f"{'':8}   -> {check.remedy}"
    for proof in report.devices:
        if proof.evidence:
            yield f"evidence {proof.sensor} {proof.device}: {power(proof)}, added to nothing"
        if proof.quality == "modelled":
            yield f"modelled {proof.device}: the model's parameters"
            yield from (f"{'':8}   {name}: {value}" for name, value in proof.parameters.items())
    yield ""
    yield verdict(report)


def _component(component: str, devices: Sequence[Proof], checks: Sequence[Check]) -> Summary:
    own = [proof for proof in devices if proof.component == component]
    name = f"your {NAMES[component]}"
    if not own and component == "gpu" and not gpu_there(checks):
        return Summary("a GPU", "none", "this host shows none")
    broken = any(
        check.state == "BROKEN" and check.about.partition(" ")[0] in READERS[component]
        for check in checks
    )
    if not own:
        nothing = "there, and cannot be read: see BROKEN" if broken else "nothing here reads it"
        return Summary(name, "unread", nothing)
    read = [proof for proof in own if proof.power_watts is not None]
    total = sum(proof.power_watts or 0 for proof in read)
    how = " and ".join(sorted({proof.quality for proof in read}))
    if not read and all(proof.cause == "stuck" for proof in own):
        says = f"{len(own)} found, and no counter moved in this second: run the doctor again"
        return Summary(name, "read", says, "components")
    if not read:
        return Summary(name, "unread", f"{len(own)} found, none answers")
    some = f"{len(read)} of {len(own)}" if len(read) < len(own) else f"{len(own)}"
    if how == "modelled":
        says = f"{total:.0f} W (modelled: nothing here measures it)"
        return Summary(name, "modelled", says, "components")
    says = f"{some} found, {total:.0f} W ({how})"
    return Summary(name, "read", f"{says}; not all: see BROKEN" * broken or says, "components")


def _whole(nodes: Sequence[NodeProof], checks: Sequence[Check]) -> Summary:
    name = "the whole host"
    read = [node for node in nodes if node.read]
    if not nodes and not any(check.about.startswith("node ") for check in checks):
        return Summary(name, "none", "no node meter (BMC, PDU) here")
    if not read:
        return Summary(name, "unread", "its node meter does not answer")
    how = " and ".join(sorted({node.quality for node in read}))
    seen = ", ".join(sorted({node.sensor for node in read}))
    amount = " and ".join(
        f"{node.power_watts:.0f} W" if node.power_watts is not None else "its energy counter"
        for node in read
    )
    return Summary(name, "read", f"{amount} at the wall ({how}, by {seen})", "wall")
