"""Recomputes what the agent claims, from its raw readings alone: a second opinion.

In: the file that `footprint-agent start --record FILE` writes (JSON Lines), and with
`--check-cgroups` the kernel's own totals. Out: energy and CPU time per consumer, as JSON. It shares
no line of code with the agent or the service, and needs nothing but Python: whoever doubts a figure
can read these pages and run them. footprint/METHOD.md has the rules in words.

    python3 demo/recompute.py record.jsonl
    python3 demo/recompute.py record.jsonl --check-cgroups
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

NS_PER_S = 10**9
SYSTEM, AGENT = "@system", "@agent"
CPU_COMPONENTS = ("cpu", "dram")
POWER_MAX_AGE_NS = 5 * NS_PER_S

Weights = dict[str, int]
Split = tuple[dict[str, int], Weights]
"""Dynamic microjoules per consumer between two readings, and the CPU time they follow."""


class RecordError(Exception):
    """The record contradicts itself or the kernel, or is not one this program understands."""


class CpuTime:
    """Cumulative CPU time of each consumer since the first tick, in nanoseconds."""

    def __init__(self) -> None:
        self._origin: dict[str, Any] | None = None
        self._latest: Weights = {}
        self.totals: Weights = {SYSTEM: 0, AGENT: 0}

    def add(self, cpu_ns: dict[str, Any], line: int) -> None:
        """Take one tick's counters; the first tick is where everything starts from."""
        if self._origin is None:
            self._origin = cpu_ns
        host = cpu_ns["host"] - self._origin["host"]
        agent = cpu_ns["agent"] - self._origin["agent"]
        for code, value in cpu_ns["sia"].items():
            if value < self._latest.get(code, 0):
                raise RecordError(f"line {line}: CPU time of {code} fell to {value} ns")
            self._latest[code] = value
            # A group that appears later began at zero: all of its time counts.
            self.totals[code] = value - self._origin["sia"].get(code, 0)
        if agent < self.totals[AGENT]:
            raise RecordError(f"line {line}: CPU time of the agent fell")
        self.totals[AGENT] = agent
        named = sum(value for code, value in self.totals.items() if code != SYSTEM)
        # The kernel's two clocks differ by a little: the remainder may dip, what was given stays.
        self.totals[SYSTEM] = max(self.totals[SYSTEM], host - named)

    @property
    def latest(self) -> Weights:
        """The last raw counter of each SIA."""
        return self._latest


class Packages:
    """CPU time of each consumer on each package, while the record says who is confined to one.

    METHOD.md, "Packages": a confined SIA's time is on its own package alone; the others' is spread
    as the packages were busy besides.
    """

    def __init__(self) -> None:
        self._begun: Weights | None = None
        self._confined_ns: Weights = {}
        self._besides_ns: Weights = {}
        self._before: Weights = {}
        self.era = 0
        """Counts beginnings: totals of two eras do not compare."""
        self.totals: dict[str, Weights] = {}

    def add(self, totals: Weights, confined: dict[str, Any] | None) -> None:
        """Take one tick: the whole host's totals, and the record's `confined`."""
        moved = {code: value - self._before.get(code, 0) for code, value in totals.items()}
        self._before = dict(totals)
        busy_ns: Weights = confined["package_ns"] if confined else {}
        if not busy_ns or self._begun is None or busy_ns.keys() != self._begun.keys():
            self._begun = dict(busy_ns) or None
            self._confined_ns, self._besides_ns = (
                dict.fromkeys(busy_ns, 0),
                dict.fromkeys(busy_ns, 0),
            )
            self.totals = {package: {} for package in busy_ns}
            self.era += 1
            return
        place: dict[str, str] = confined["sia"] if confined else {}
        for code, package in place.items():
            self._confined_ns[package] += moved.get(code, 0)
        spread = self._spread(busy_ns, self._begun)
        for code, used_ns in moved.items():
            parts = {place[code]: used_ns} if code in place else split(used_ns, spread)
            for package, part_ns in parts.items():
                here = self.totals[package]
                here[code] = here.get(code, 0) + part_ns

    def _spread(self, busy_ns: Weights, begun: Weights) -> Weights:
        """By what the packages were busy besides in this tick, else since the beginning, else all
        alike."""
        grown = {}
        for package, total_ns in busy_ns.items():
            besides_ns = total_ns - begun[package] - self._confined_ns[package]
            grown[package] = max(0, besides_ns - self._besides_ns[package])
            self._besides_ns[package] += grown[package]
        for spread in (grown, self._besides_ns):
            if any(spread.values()):
                return dict(spread)
        return dict.fromkeys(busy_ns, 1)

    def of(self, package: str | None) -> Weights | None:
        """Totals on one package; None while nobody is told apart."""
        return self.totals.get(package) if package else None


class Device:
    """One metered device: its last good reading, and the CPU time at that moment."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.name: str = facts["device"]
        self.floor_uw: int | None = facts["floor_uw"]
        self._range_uj: int | None = facts["range_uj"]
        self._max_power_uw: int | None = facts["max_power_uw"]
        self._before: dict[str, int] | None = None
        self.package: str | None = facts.get("package")
        self._weights_before: Weights = {}
        self._apart_before: tuple[int, Weights] | None = None
        self.weights: Weights = {}
        """CPU time behind the last energy that was split."""

    def read(
        self, reading: dict[str, Any], totals: Weights, packages: Packages
    ) -> dict[str, tuple[int, int]]:
        """The shares since the last good reading: consumer to (static, dynamic) microjoules.

        Nothing where the reading failed or the counter has not moved: the weights add up until it
        does. Nothing where the energy cannot be known; then this reading is the new start.
        """
        if "gap" in reading:
            return {}
        before = self._before
        if before is None:
            self._restart(reading, totals, packages)
            return {}
        elapsed_ns = reading["at_ns"] - before["at_ns"]
        energy_uj = self._energy_uj(before, reading, elapsed_ns)
        if energy_uj == 0 and "value_uj" in reading:
            return {}
        now, earlier = totals, self._weights_before
        apart = packages.of(self.package)
        if apart is not None and self._apart_before and self._apart_before[0] == packages.era:
            now, earlier = apart, self._apart_before[1]
        weights = {code: total - earlier.get(code, 0) for code, total in now.items()}
        self._restart(reading, totals, packages)
        if not energy_uj:
            return {}
        self.weights = weights
        return self._shares(energy_uj, elapsed_ns, weights)

    def _restart(self, reading: dict[str, Any], totals: Weights, packages: Packages) -> None:
        self._before, self._weights_before = reading, dict(totals)
        apart = packages.of(self.package)
        self._apart_before = None if apart is None else (packages.era, dict(apart))

    def _energy_uj(
        self, before: dict[str, int], now: dict[str, int], elapsed_ns: int
    ) -> int | None:
        """Microjoules between two readings; None where that cannot be known."""
        if "power_uw" in now:
            if not 0 <= elapsed_ns <= POWER_MAX_AGE_NS:
                return None
            return (before["power_uw"] + now["power_uw"]) * elapsed_ns // NS_PER_S // 2
        energy_uj = now["value_uj"] - before["value_uj"]
        if elapsed_ns <= 0:
            return 0 if (elapsed_ns, energy_uj) == (0, 0) else None
        range_uj, most_uj = self._range_uj, None
        if self._max_power_uw is not None:
            # A late update may show up to a second more.
            most_uj = self._max_power_uw * (elapsed_ns + NS_PER_S) // NS_PER_S
        if range_uj is not None and (most_uj is None or most_uj >= range_uj):
            return None  # nobody can say how often it wrapped
        if energy_uj < 0:
            energy_uj += range_uj or 0
        if energy_uj < 0 or (most_uj is not None and energy_uj > most_uj):
            return None
        return energy_uj

    def _shares(
        self, energy_uj: int, elapsed_ns: int, weights: Weights
    ) -> dict[str, tuple[int, int]]:
        static_uj = 0
        if self.floor_uw is not None:
            static_uj = min(self.floor_uw * elapsed_ns // NS_PER_S, energy_uj)
        shares = {code: (0, uj) for code, uj in split(energy_uj - static_uj, weights).items()}
        if static_uj:
            shares[SYSTEM] = (static_uj, shares.get(SYSTEM, (0, 0))[1])
        return shares


def split(energy_uj: int, weights: Weights) -> Weights:
    """`energy_uj` over `weights` by largest remainder; equal remainders in the order of codes."""
    total = sum(weights.values())
    if not total:
        return {SYSTEM: energy_uj}
    exact = {code: energy_uj * weight for code, weight in weights.items() if weight}
    shares = {code: product // total for code, product in exact.items()}
    missing = energy_uj - sum(shares.values())
    for code in sorted(exact, key=lambda code: (-(exact[code] % total), code))[:missing]:
        shares[code] += 1
    return shares


def lines(file: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line of the record with its number; a last line without its end is not yet written."""
    for number, text in enumerate(file, start=1):
        if not text.endswith("\n"):
            return
        try:
            yield number, json.loads(text)
        except ValueError as error:
            raise RecordError(f"line {number}: not JSON ({error})") from error


def devices(header: dict[str, Any], *, cpu_only: bool) -> dict[str, Device]:
    """The metered devices that the header declares; evidence is added to nothing.

    A GPU's energy does not follow CPU time: refused, or with `cpu_only` left out.
    """
    if header.get("record") != "footprint" or header.get("format") != 1:
        raise RecordError("line 1: not a footprint record of format 1")
    metered = [facts for facts in header["devices"] if not facts["evidence"]]
    others = [facts for facts in metered if facts["component"] not in CPU_COMPONENTS]
    if others and not cpu_only:
        raise RecordError(
            f"device {others[0]['device']}: component {others[0]['component']} follows other rules "
            f"than CPU time; give --cpu-only to recompute {' and '.join(CPU_COMPONENTS)} alone"
        )
    return {facts["device"]: Device(facts) for facts in metered if facts not in others}


class Record:
    """A record read whole: totals per consumer between two instants, and what the SIA used."""

    def __init__(
        self,
        file: TextIO,
        after_ns: int = -1,
        until_ns: int | None = None,
        *,
        cpu_only: bool = False,
    ) -> None:
        self.cpu, self.packages = CpuTime(), Packages()
        self.watched: dict[str, list[str]] = {}
        self.totals: dict[str, dict[str, int]] = {}
        self.splits: list[Split] = []
        content = lines(file)
        _, self.header = next(content, (1, {}))
        self._devices = devices(self.header, cpu_only=cpu_only)
        for number, tick in content:
            try:
                self._tick(number, tick, after_ns, until_ns)
            except (KeyError, TypeError) as error:
                raise RecordError(f"line {number}: not a tick ({error!r})") from error

    def _tick(self, number: int, tick: dict[str, Any], after_ns: int, until_ns: int | None) -> None:
        # Each time the whole of what is watched now: one path or several per SIA.
        for code, paths in tick.get("watch", {}).items():
            self.watched[code] = [paths] if isinstance(paths, str) else paths
        before = dict(self.cpu.totals)
        self.cpu.add(tick["cpu_ns"], number)
        self.packages.add(self.cpu.totals, tick.get("confined"))
        inside = after_ns < tick["mono_ns"] <= (until_ns or tick["mono_ns"])
        for reading in tick["readings"]:
            device = self._devices.get(reading["device"])
            if device is None:
                continue
            shares = device.read(reading, self.cpu.totals, self.packages)
            if not inside or not shares:
                continue
            dynamic = {code: dynamic_uj for code, (_, dynamic_uj) in shares.items()}
            self.splits.append((dynamic, device.weights))
            for code, (static_uj, dynamic_uj) in shares.items():
                self._add(code, energy_uj=static_uj + dynamic_uj, dynamic_uj=dynamic_uj)
        for name, floor_uw in tick.get("floors_uw", {}).items():
            if name in self._devices:
                self._devices[name].floor_uw = floor_uw  # from this tick on
        for code, total in self.cpu.totals.items():
            if inside:
                self._add(code, cpu_ns=total - before.get(code, 0))

    def _add(self, code: str, **amounts: int) -> None:
        totals = self.totals.setdefault(code, {"energy_uj": 0, "dynamic_uj": 0, "cpu_ns": 0})
        for name, amount in amounts.items():
            totals[name] += amount


def ratios(record: Record, one: str, other: str) -> dict[str, float]:
    """How far, in percent, the dynamic energies of two consumers stand apart from the ratio of
    their CPU times: at worst between any two readings, and over the whole.

    Between two readings a CPU second costs the same for everybody, so only rounding may show;
    splits in which one of them has less than a millijoule are left out. Over the whole, a second
    costs more or less with the load unless the energy is a straight line in CPU time.
    """
    worst, compared, sums = 0.0, 0, [0, 0, 0, 0]
    for dynamic, weights in record.splits:
        values = [table.get(code, 0) for table in (dynamic, weights) for code in (one, other)]
        sums = [total + value for total, value in zip(sums, values, strict=True)]
        if min(values[:2]) >= 1000 and min(values[2:]) > 0:
            compared += 1
            worst = max(worst, _apart_percent(values))
    whole = _apart_percent(sums) if all(sums) else float("inf")
    return {"splits": compared, "worst_percent": worst, "whole_percent": whole}


def _apart_percent(values: list[int]) -> float:
    energy_one, energy_other, time_one, time_other = values
    return 100 * abs(energy_one * time_other / (energy_other * time_one) - 1)


def check_cgroups(record: Record, tolerance_ns: int) -> dict[str, dict[str, int]]:
    """The kernel's total of each watched cgroup beside the record's last one, in nanoseconds.

    Raises RecordError where the record claims more than the kernel counted, or lags behind it by
    more than `tolerance_ns`.
    """
    if not record.watched:
        raise RecordError("the record names no cgroup; the agent followed processes instead")
    found = {}
    root = Path(record.header["cgroup_root"])
    for code, paths in sorted(record.watched.items()):
        kernel_ns = sum(kernel_total_ns(root / path.strip("/")) for path in paths)
        recorded_ns = record.cpu.latest.get(code, 0)
        found[code] = {"kernel_ns": kernel_ns, "recorded_ns": recorded_ns}
        if not 0 <= kernel_ns - recorded_ns <= tolerance_ns:
            raise RecordError(
                f"{code}: the kernel counted {kernel_ns} ns in {', '.join(paths)}, "
                f"the record {recorded_ns} ns"
            )
    return found


def kernel_total_ns(folder: Path) -> int:
    """CPU time of a cgroup, its dead processes and groups below included, in nanoseconds."""
    try:
        text = (folder / "cpu.stat").read_text(encoding="ascii")
    except OSError as error:
        raise RecordError(f"cannot read {folder}/cpu.stat: {error.strerror}") from error
    for line in text.splitlines():
        if line.startswith("usage_usec "):
            return int(line.split()[1]) * 1000
    raise RecordError(f"{folder}/cpu.stat has no usage_usec")


def main() -> None:
    parser = argparse.ArgumentParser(prog="recompute", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("record", type=Path)
    parser.add_argument("--after-ns", type=int, default=-1, help="count ticks after this instant")
    parser.add_argument("--until-ns", type=int, help="... and up to this one (monotonic clock)")
    parser.add_argument("--cpu-only", action="store_true", help="leave GPUs out")
    parser.add_argument("--check-cgroups", action="store_true", help="compare with the kernel now")
    parser.add_argument("--ratio", nargs=2, metavar="SIA", help="compare energy with CPU time")
    parser.add_argument("--tolerance-ms", type=int, default=2000, help="lag allowed (2000)")
    arguments = parser.parse_args()
    try:
        with arguments.record.open(encoding="utf-8") as file:
            window = arguments.after_ns, arguments.until_ns
            record = Record(file, *window, cpu_only=arguments.cpu_only)
        answer: Any = dict(sorted(record.totals.items()))
        if arguments.check_cgroups:
            answer = check_cgroups(record, arguments.tolerance_ms * 10**6)
        elif arguments.ratio:
            answer = ratios(record, *arguments.ratio)
        print(json.dumps(answer, indent=2))
    except (OSError, RecordError) as error:
        sys.exit(f"recompute: {arguments.record}: {error}")


if __name__ == "__main__":
    main()
