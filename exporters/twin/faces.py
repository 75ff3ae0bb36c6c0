"""The faces a host shows: a powercap tree, a cgroup tree, /proc and NVML's cards, as files.

In: the true host. Out: files as the kernel and the driver show them, rewritten in place, and a note
of what each counter showed. A RAPL counter shows the true energy modulo its range; a card's shows
whole millijoules since its driver was loaded, a tenth of a second late. A card without a counter
shows the power of a quarter of the last tenth of a second.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from exporters.sensors.nvml import FRESH_NS
from exporters.twin import library, occupants, processors
from exporters.twin.plan import Plan
from exporters.twin.truth import WINDOW_US, Truth

WIDTH = 20
PACKAGE_RANGE_UJ = 262_143_328_850
DRAM_RANGES_UJ = (65_712_999_613, 4_294_967_295)
"""Intel's usual ranges for packages and memory, and a counter of 32 bits in microjoules."""
UW_PER_W = 1_000_000
PACKAGE_LIMIT_W, DRAM_LIMIT_W, GPU_LIMIT_W = 350, 60, 700
UJ_PER_MJ = 1000
MOST_APART_US = 5_000_000
NOT_SUPPORTED = 3
"""What NVML answers for a meter that a card does not have (nvml.h, nvmlReturn_t)."""
BOOT_ID = "00000000-0000-4000-8000-0000000000b0"


class Shown(msgspec.Struct, frozen=True):
    """What a counter shows: `total_uj` unwrapped, on the true energy's own scale; which of the
    counter's lives (it begins anew when its driver is loaded); None where it cannot be read."""

    total_uj: int
    life: int


class PowerSum:
    """The power that a card without a counter showed at each sample, as METHOD.md integrates it:
    trapezia, begun anew (on the true energy's scale) after a hole of more than 5 s."""

    def __init__(self) -> None:
        self._base_uj = self._doubled = self._holes = 0
        self._last: tuple[int, int] | None = None

    def add(self, at_us: int, milliwatts: int, true_uj: int) -> None:
        """One sample, and the card's true total at that instant."""
        before, self._last = self._last, (at_us, milliwatts)
        if before is not None and at_us - before[0] <= MOST_APART_US:
            self._doubled += (before[1] + milliwatts) * (at_us - before[0])
        else:
            self._holes += before is not None
            self._base_uj, self._doubled = true_uj, 0

    def is_fresh(self, at_us: int) -> bool:
        """Whether the agent takes no sample of its own at a tick now."""
        return self._last is not None and at_us - self._last[0] <= FRESH_NS // 1000

    def shown(self) -> Shown:
        """The sum so far; milliwatts times microseconds are nanojoules."""
        return Shown(self._base_uj + self._doubled // 2000, self._holes)


class Zone(msgspec.Struct, frozen=True):
    """A powercap zone: its folder, its own name and the name the agent gives it."""

    folder: str
    own: str
    name: str
    range_uj: int
    limit_w: int = 0


def zones(plan: Plan) -> list[Zone]:
    """Per socket package, core, dram; then psys. In the order of `Faces`' counters."""
    found = []
    for socket in range(plan.sockets):
        base, name = f"intel-rapl:{socket}", f"package-{socket}"
        dram_range_uj = DRAM_RANGES_UJ[socket % len(DRAM_RANGES_UJ)]
        found += [
            Zone(base, name, name, PACKAGE_RANGE_UJ, PACKAGE_LIMIT_W),
            Zone(f"{base}:0", "core", f"{name}-core", PACKAGE_RANGE_UJ),
            Zone(f"{base}:1", "dram", f"{name}-dram", dram_range_uj, DRAM_LIMIT_W),
        ]
    found.append(Zone(f"intel-rapl:{plan.sockets}", "psys", "psys", PACKAGE_RANGE_UJ))
    return found


class Faces:
    """The files of one simulated host below `folder`."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.powercap, self.cgroups, self.proc, self.cpus = (
            folder / name for name in ("powercap", "cgroup", "proc", "cpu")
        )
        self.cards = folder / "cards"
        self.zones = zones(plan)
        self.devices = [zone.name for zone in self.zones]
        self.devices += [plan.uuid(gpu) for gpu in range(plan.gpus)]
        self._life = self._joined = 0
        self._reload, self._losses = plan.reload(), plan.losses()
        self._dram_outage = plan.dram_outage()
        limit_mw = GPU_LIMIT_W * UW_PER_W // 1000
        self._tail = f"0 {limit_mw}"
        self._base_uj = [0] * plan.gpus
        self._sums = [PowerSum() for _ in range(plan.integrated)]
        self._make_proc()
        self._files = [self._make_zone(zone) for zone in self.zones]
        self._root = self._make_group(self.cgroups)
        self._groups = [self._make_group(self.cgroups / "footprint" / sia) for sia in plan.sia]
        self._stat = os.open(self.proc / "stat", os.O_RDWR | os.O_CREAT, 0o600)
        processors.make(plan, self.cpus, self.cgroups)
        self._cards = os.open(self.cards, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._cards, library.SIZE)

    def close(self) -> None:
        """Close the files."""
        for descriptor in (*self._files, self._root, *self._groups, self._cards, self._stat):
            os.close(descriptor)

    def show(self, truth: Truth) -> list[Shown | None]:
        """Write what can be seen now; what each counter shows, in the order of `devices`."""
        self._show_groups(truth)
        return [*self._show_zones(truth), *self._show_cards(truth)]

    def sample(self, truth: Truth, at_us: int, *, ticking: bool = False) -> None:
        """The agent is about to sample the power of the cards without a counter. A driver that was
        loaded anew answers once it was joined anew, which the agent does at a tick."""
        loaded = int(truth.step >= self._reload.start)
        if ticking and not self._reload.holds(truth.step):
            self._joined = loaded
        for gpu, total in enumerate(self._sums):
            if ticking and total.is_fresh(at_us):
                continue
            if self._joined == loaded and not self._answer(truth.step, gpu):
                total.add(at_us, _milliwatts(truth, gpu), truth.cards[gpu].total_uj)
        self._write_cards(truth)

    def _show_zones(self, truth: Truth) -> Iterator[Shown | None]:
        for zone, file, total_uj in zip(self.zones, self._files, _rapl(truth), strict=True):
            if zone.name == "package-0-dram" and self._dram_outage.holds(truth.step):
                os.ftruncate(file, 0)
                yield None
                continue
            os.pwrite(file, b"%0*d\n" % (WIDTH, total_uj % zone.range_uj), 0)
            yield Shown(total_uj, 0)

    def _show_cards(self, truth: Truth) -> Iterator[Shown | None]:
        if truth.step >= self._reload.end and not self._life:
            self._life, self._base_uj = 1, list(truth.gpu_before_uj)
        self._write_cards(truth)
        for gpu in range(self.plan.gpus):
            if self._answer(truth.step, gpu):
                yield None
            elif gpu < len(self._sums):
                yield self._sums[gpu].shown()
            else:
                shown_uj = self._base_uj[gpu] + self._millijoules(truth, gpu) * UJ_PER_MJ
                yield Shown(shown_uj, self._life)

    def _write_cards(self, truth: Truth) -> None:
        away = self._reload.answer if self._reload.holds(truth.step) else 0
        lines = [f"{away:02} {int(truth.step >= self._reload.start)}"]
        for gpu in range(self.plan.gpus):
            uuid = self.devices[len(self.zones) + gpu]
            loss = self._losses.get(gpu)
            answer = loss.answer if loss and loss.holds(truth.step) else 0
            millijoules = self._millijoules(truth, gpu)
            line = f"{uuid} {millijoules:0{WIDTH}} {answer:02} {self._tail}"
            if gpu < len(self._sums):
                line += f" energy={NOT_SUPPORTED} instant={_milliwatts(truth, gpu):07}"
            lines.append(line + occupants.fields(truth.cards[gpu], self.plan, truth.step))
        os.pwrite(self._cards, "\n".join([*lines, "\0"]).encode(), 0)

    def _answer(self, step: int, gpu: int) -> int:
        """What NVML answers for a card: 0, or why it cannot be read."""
        if self._reload.holds(step):
            return self._reload.answer
        loss = self._losses.get(gpu)
        return loss.answer if loss and loss.holds(step) else 0

    def _millijoules(self, truth: Truth, gpu: int) -> int:
        return (truth.cards[gpu].before_uj - self._base_uj[gpu]) // UJ_PER_MJ

    def _show_groups(self, truth: Truth) -> None:
        for group, used_us in zip(self._groups, truth.sia_us, strict=True):
            _write_stat(group, used_us)
        _write_stat(self._root, sum(truth.sia_us) + truth.system_us + truth.agent_us)
        if self.plan.pinned:
            os.pwrite(self._stat, processors.stat(truth.busy_us), 0)

    def _make_zone(self, zone: Zone) -> int:
        folder = self.powercap / zone.folder
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{zone.own}\n")
        (folder / "max_energy_range_uj").write_text(f"{zone.range_uj}\n")
        if zone.limit_w:
            limit = f"{zone.limit_w * UW_PER_W}\n"
            (folder / "constraint_0_power_limit_uw").write_text(limit)
        return os.open(folder / "energy_uj", os.O_RDWR | os.O_CREAT, 0o600)

    def _make_group(self, folder: Path) -> int:
        folder.mkdir(parents=True)
        (folder / "cgroup.controllers").write_text("cpu memory\n")
        return os.open(folder / "cpu.stat", os.O_RDWR | os.O_CREAT, 0o600)

    def _make_proc(self) -> None:
        random = self.proc / "sys" / "kernel" / "random"
        random.mkdir(parents=True)
        (random / "boot_id").write_text(f"{BOOT_ID}\n")
        occupants.make_processes(self.proc, self.plan)
        (self.proc / "cpuinfo").write_text("model name\t: Simulated processor\nflags\t\t: fpu\n")


def _rapl(truth: Truth) -> Iterator[int]:
    for socket in range(truth.plan.sockets):
        yield truth.package_uj[socket]
        yield truth.core_uj[socket]
        yield truth.dram_uj[socket]
    yield truth.psys_uj


def true_totals(truth: Truth) -> list[int]:
    """True cumulative energy of every device now, in the order of `Faces.devices`."""
    return [*_rapl(truth), *truth.gpu_uj]


def _milliwatts(truth: Truth, gpu: int) -> int:
    """The mean power of the window; microjoules in microseconds are watts."""
    return truth.window_uj[gpu] * 1000 // WINDOW_US


def _write_stat(descriptor: int, used_us: int) -> None:
    """cpu.stat of a group that used so much, all of it in user mode (cgroup-v2.rst)."""
    text = b"usage_usec %0*d\nuser_usec %0*d\nsystem_usec %0*d\n"
    os.pwrite(descriptor, text % (WIDTH, used_us, WIDTH, used_us, WIDTH, 0), 0)
