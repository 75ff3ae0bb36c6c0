"""How much of a physical processor this host has: all of several, or some threads of one.

In: `/proc/cpuinfo`, DMI, and a table of what the makers say. Out: a `Processor` that says by which
fraction a figure for one whole processor is this host's. A guest of 4 virtual CPUs is not a host of
64 cores.
"""

import contextlib
import re
from fractions import Fraction
from pathlib import Path

import msgspec

THREADS_PER_CORE = 2
"""AMD EPYC and Ryzen, and the Xeons below, run two threads a core."""

CORES: dict[str, int] = {
    "E5-2673 v4": 20,
    "E5-2686 v4": 18,
    "Silver 4314": 16,
    "Gold 6148": 20,
    "Gold 6230": 20,
    "Gold 6248": 20,
    "Gold 6338": 32,
    "Gold 6348": 28,
    "8124M": 18,
    "8168": 24,
    "8171M": 26,
    "8175M": 24,
    "8259CL": 24,
    "8272CL": 26,
    "8275CL": 24,
    "8280": 28,
    "8358": 32,
    "8370C": 32,
    "8375C": 32,
    "8380": 40,
    "8480+": 56,
    "8488C": 48,
    "8592+": 64,
    "7R13": 48,
    "7R32": 48,
}
"""Cores of processors whose name does not say so, as guests of clouds see them.

Held in November 2026 against what the makers and the clouds publish. Intel's kernel test reports
name threads and sockets of its own hosts (6338, 8358, 8480+), its papers cores a socket
(8380, 8480+). Microsoft's pages on dedicated hosts name the physical cores of hosts of two sockets
(E5-2673 v4: 40, 8168: 48, 8272CL: 52, 8370C: 64). AWS's metal and whole-socket machine types show
their processors whole (8124M, 8275CL, 8375C, 8488C, 7R32). 8171M: Microsoft's page offers 48 cores
a host, fewer than the processors' own 52, as it does for confidential hosts of the 8370C. Listings
of real hosts agree with the rest (E5-2686 v4, 4314, 6148, 6230, 6248, 6348, 8280, 8592+); 8175M,
8259CL and 7R13 follow from AWS's largest machine type of each (96, 96 and 192 threads on two
sockets).
"""


class Processor(msgspec.Struct, frozen=True):
    """`threads` of one physical processor, None where unknown; `sockets` of a physical host."""

    name: str
    virtualised: bool | None
    provider: str
    logical_cpus: int
    sockets: int
    threads: int | None
    threads_from: str

    def share(self) -> Fraction | None:
        """This host in whole processors; None for a guest of a processor of unknown size."""
        if not self.virtualised:
            return Fraction(self.sockets)
        return Fraction(self.logical_cpus, self.threads) if self.threads else None

    def parameters(self) -> dict[str, str]:
        """What the page records of it."""
        kind = {True: "yes", False: "no", None: "unknown"}[self.virtualised]
        threads = f"{self.threads}, {self.threads_from}" if self.threads else "unknown"
        return {
            "virtualised": kind,
            "provider": self.provider[:200],
            "processor_threads": threads,
            "sockets": str(self.sockets),
        }


def describe(logical_cpus: int, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> Processor:
    """The processor of this host."""
    first, sockets = _cpuinfo(proc)
    name = first.get("model name", "")
    flags = first.get("flags")
    virtualised = None if flags is None else "hypervisor" in flags.split()
    siblings = int(first["siblings"]) if first.get("siblings", "").isdigit() else 0
    threads, source = _threads(name)
    if threads is None and (siblings > logical_cpus or not virtualised) and siblings:
        threads, source = siblings, "from cpuinfo"
    return Processor(
        name=name,
        virtualised=virtualised,
        provider=_provider(sys),
        logical_cpus=logical_cpus,
        sockets=sockets,
        threads=threads,
        threads_from=source,
    )


def _threads(name: str) -> tuple[int | None, str]:
    said = re.search(r"\b(\d+)-Core\b", name)
    if said:
        return int(said[1]) * THREADS_PER_CORE, "from its name"
    # Some name themselves in capitals: INTEL(R) XEON(R) PLATINUM 8592+.
    words = f" {name.upper().replace('(R)', '').replace(' CPU', '')} "
    for model, cores in CORES.items():
        if f" {model.upper()} " in words:
            return cores * THREADS_PER_CORE, "from the table"
    return None, ""


def _cpuinfo(proc: Path) -> tuple[dict[str, str], int]:
    """The first processor's fields, and the number of physical packages (at least one)."""
    with contextlib.suppress(OSError):
        text = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace")
        first = {}
        for line in text.split("\n\n", 1)[0].splitlines():
            field, _, value = line.partition(":")
            first[field.strip()] = value.strip()
        packages = re.findall(r"^physical id\s*:\s*(\d+)", text, re.MULTILINE)
        return first, max(1, len(set(packages)))
    return {}, 1


def _provider(sys: Path) -> str:
    """Who made the machine, as its firmware says: for a guest, its hypervisor or cloud."""
    try:
        vendor = (sys / "class" / "dmi" / "id" / "sys_vendor").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "unknown"
    return vendor.strip() or "unknown"
