"""RAPL from files to pages: one wrap is energy, several are a gap, nothing is counted twice."""

from pathlib import Path

from exporters.account import Track
from exporters.clock import Boot, Instant
from exporters.drafts import Chain, Drafts, seal
from exporters.sampler import Sampler
from exporters.sensors.rapl import Rapl, discover
from exporters.weights import Usage
from footprint.ledger import GENESIS, Page, check
from tests.exporters.sampled import LEDGER, START, gaps
from tests.powercap import make_zone

W = 1_000_000
RANGE_UJ = 262_143_328_850
BOOT = "11111111-2222-3333-4444-555555555555"


class Host:
    """Zones of constant power on a clock of their own, read by the sensor, settled by the
    sampler."""

    def __init__(self, root: Path, watts: dict[str, int], names: dict[str, str]) -> None:
        self.watts = watts
        self.files = {
            zone: make_zone(root, zone, name, range_uj=RANGE_UJ, limit_uw=200 * W)
            for zone, name in names.items()
        }
        self.now_s = 0
        found = discover(root, Boot(BOOT, lambda: self.now_s * 10**9))
        assert isinstance(found, Rapl)
        self.sensor = found
        tracks = {("rapl", d.device): Track(d, covered_us=START) for d in found.devices()}
        self.sampler = Sampler(Drafts(900, START), tracks, {})

    def tick(self, at_s: int) -> None:
        """Every counter where it is after this many seconds."""
        self.now_s = at_s
        for zone, file in self.files.items():
            file.write_text(f"{self.watts[zone] * W * at_s % RANGE_UJ}\n")
        readings = {("rapl", name): reading for name, reading in self.sensor.read().items()}
        busy = Usage(at_s * 10**9, 0, {})
        self.sampler.tick(self._now(), readings, busy, {})

    def pages(self) -> list[Page]:
        """Everything sealed."""
        pages: list[Page] = []
        for draft in self.sampler.due(self._now(), final=True):
            chain = Chain("host", LEDGER, BOOT, len(pages), "1" * 64 if pages else GENESIS)
            pages.append(seal(draft, chain))
            check(pages[-1])
        self.sensor.close()
        return pages

    def _now(self) -> Instant:
        return Instant(self.now_s * 10**9, START + self.now_s * 1_000_000)


def metered(pages: list[Page]) -> dict[str, int]:
    """Joules by device, of entries alone."""
    found: dict[str, int] = {}
    for page in pages:
        for entry in page.entries:
            found[entry.device] = found.get(entry.device, 0) + entry.energy_uj
    return {device: energy_uj // W for device, energy_uj in found.items()}


def test_one_wrap_is_energy_and_what_could_be_two_is_a_gap(tmp_path: Path) -> None:
    """At 400 W at most, 262 kJ wrap after 655 s at the earliest: 650 s away is energy, wrap or
    not; 660 s is a gap, and so is an hour with several wraps. What is read after it counts."""
    host = Host(tmp_path, {"intel-rapl:0": 390}, {"intel-rapl:0": "package-0"})
    for at_s in (0, 1, 651, 652, 1312, 1313, 4913, 4914):
        host.tick(at_s)
    pages = host.pages()
    assert metered(pages) == {"package-0": 390 * (652 + 1 + 1)}
    merged = [gap for gap in gaps(pages) if gap[0] == "gap"]
    assert {cause for _, cause, _, _ in merged} == {"wrap"}
    assert sum(end - start for _, _, start, end in merged) == 660 + 3600


def test_two_sockets_of_two_dies_with_memory_and_psys_are_counted_once(tmp_path: Path) -> None:
    """Four dies and their memory add up; core inside and psys around them add nothing; the wraps
    of each are its own."""
    names = {f"intel-rapl:{n}": f"package-{n // 2}-die-{n % 2}" for n in range(4)}
    names |= {f"intel-rapl:{n}:0": "core" for n in range(4)}
    names |= {f"intel-rapl:{n}:1": "dram" for n in range(4)}
    names |= {"intel-rapl:4": "psys"}
    watts = dict.fromkeys(names, 10)
    watts |= {f"intel-rapl:{n}": 100 + 50 * n for n in range(4)} | {"intel-rapl:4": 399}
    host = Host(tmp_path, watts, names)
    for at_s in range(0, 3001, 600):
        host.tick(at_s)
    pages = host.pages()
    found = metered(pages)
    assert sum(found.values()) == (100 + 150 + 200 + 250 + 4 * 10) * 3000
    assert not any("core" in device or "psys" in device for device in found)
    assert gaps(pages) == []
    evidence = {state.device: state.metered_uj for page in pages[:1] for state in page.sensors}
    assert evidence["psys"] > 0


def test_amd_zones_of_one_name_are_both_counted(tmp_path: Path) -> None:
    """Two sockets whose zones carry the same name, and cores inside: 150 W and 170 W."""
    names = {"intel-rapl:0": "package-0", "intel-rapl:1": "package-0", "intel-rapl:0:0": "core"}
    host = Host(tmp_path, {"intel-rapl:0": 150, "intel-rapl:1": 170, "intel-rapl:0:0": 90}, names)
    for at_s in (0, 60, 120):
        host.tick(at_s)
    assert metered(host.pages()) == {"package-0": 150 * 120, "package-0-1": 170 * 120}
