"""Counts of a PMU by perf_event_open(2): what its folder says of it, and its events on a CPU.

In: a folder such as `/sys/bus/event_source/devices/power`, as the kernel shows it
(Documentation/ABI/testing/sysfs-bus-event_source-devices-events and -format). Out: `Event`s, and
`Counting`s that count from zero while they are open. The C library has no call of its own for it,
so it is asked for by number.
"""

import ctypes
import os
import platform
import re
import struct
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path

import msgspec

from exporters.errors import SensorError

CALLS = {"x86_64": 298, "aarch64": 241}
"""The number of perf_event_open per machine (asm/unistd_64.h, asm-generic/unistd.h)."""

RAW_SIZE = 2**64

_ATTR = struct.Struct("=IIQQQQQIIQQ")
"""struct perf_event_attr up to config2, its size since Linux 2.6.33 (PERF_ATTR_SIZE_VER1, 72)."""

_FORMAT_TIMES = 1 | 2  # PERF_FORMAT_TOTAL_TIME_ENABLED, PERF_FORMAT_TOTAL_TIME_RUNNING
_CLOSE_ON_EXEC = 8  # PERF_FLAG_FD_CLOEXEC
_COUNT = struct.Struct("=QQQ")
_WORDS = ("config", "config1", "config2")
_MOST_CPU = 2**16
_RANGE = r"\d{1,2}(?:-\d{1,2})?"
_BITS = re.compile(rf"(config[12]?):({_RANGE}(?:,{_RANGE})*)", re.ASCII)


class Event(msgspec.Struct, frozen=True):
    """One event: how the kernel is asked for it, and the joules of one count, exact."""

    name: str
    pmu_type: int
    config: tuple[int, int, int]
    joules_per_count: Fraction
    scale: str


class Count(msgspec.Struct, frozen=True):
    """A total since the opening, modulo `RAW_SIZE`, and for how long it was to count and did."""

    raw: int
    enabled_ns: int
    running_ns: int


class Counting:
    """An event that counts on one CPU, for all processes, as long as this is open."""

    def __init__(self, event: Event, cpu: int) -> None:
        """Raises OSError: the kernel's refusal."""
        self.cpu = cpu
        attr = _ATTR.pack(
            event.pmu_type, _ATTR.size, event.config[0], 0, 0, _FORMAT_TIMES, 0, 0, 0,
            *event.config[1:],
        )  # fmt: skip
        self._descriptor = _call(attr, cpu)

    def read(self) -> Count:
        """The count now. Raises OSError, also where the kernel has given the event up."""
        answer = os.read(self._descriptor, _COUNT.size)
        if len(answer) != _COUNT.size:
            raise OSError(None, "the kernel has stopped counting this event")
        return Count(*_COUNT.unpack(answer))

    def close(self) -> None:
        """Stop counting."""
        os.close(self._descriptor)


def available() -> bool:
    """Whether the call's number is known on this machine."""
    return platform.machine() in CALLS and struct.calcsize("P") == 8


def events(pmu: Path, prefix: str) -> Iterator[Event]:
    """The PMU's events whose name begins with `prefix`, by name.

    Raises SensorError where one of them is not described in full: its joules would be a guess.
    """
    for path in sorted((pmu / "events").glob(f"{prefix}*")):
        if path.suffix not in (".scale", ".unit", ".snapshot", ".per-pkg"):
            yield _event(pmu, path)


def cpu_list(path: Path) -> list[int]:
    """CPUs of a list such as `0-3,18` (an empty one for an empty file). Raises SensorError."""
    text = _text(path)
    cpus: list[int] = []
    for part in filter(None, text.split(",")):
        found = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part, re.ASCII)
        if not found or int(found[2] or found[1]) >= _MOST_CPU:
            raise _garbage(path, "is no list of CPUs")
        cpus += range(int(found[1]), int(found[2] or found[1]) + 1)
    return cpus


def _event(pmu: Path, path: Path) -> Event:
    unit = Path(f"{path}.unit")
    if _text(unit) != "Joules":
        raise _garbage(unit, "is not Joules")
    scale = Path(f"{path}.scale")
    kind = pmu / "type"
    if not re.fullmatch(r"\d{1,9}", _text(kind), re.ASCII):
        raise _garbage(kind, "is no number of a PMU")
    return Event(
        name=path.name,
        pmu_type=int(_text(kind)),
        config=_config(pmu, path),
        joules_per_count=_scale(scale),
        scale=_text(scale),
    )


def _scale(path: Path) -> Fraction:
    """The decimal as it is written: a float would round it."""
    try:
        scale = Decimal(_text(path))
    except InvalidOperation as error:
        raise _garbage(path, "is no number") from error
    if not scale.is_finite() or scale <= 0 or not -30 < scale.adjusted() < 30:
        raise _garbage(path, "is no size of a count")
    return Fraction(scale)


def _config(pmu: Path, path: Path) -> tuple[int, int, int]:
    """`event=0x02,...`: each value's bits at the places that format/event names."""
    words = [0, 0, 0]
    for term in _text(path).split(","):
        name, _, value = term.partition("=")
        try:
            number = int(value or "1", 0)
        except ValueError as error:
            raise _garbage(path, f"gives {name} no number") from error
        word, places = _places(pmu, name)
        if number < 0 or number >> len(places):
            raise _garbage(path, f"gives {name} more than its {len(places)} bits")
        words[word] |= sum(1 << place for bit, place in enumerate(places) if number >> bit & 1)
    return words[0], words[1], words[2]


def _places(pmu: Path, name: str) -> tuple[int, list[int]]:
    """Which of the three words a term goes to, and the bits there, lowest first."""
    if name in _WORDS:
        return _WORDS.index(name), list(range(64))
    path = pmu / "format" / name
    if not name.isidentifier():
        raise _garbage(path, "cannot be a term's format")
    found = _BITS.fullmatch(_text(path))
    places: list[int] = []
    for part in found[2].split(",") if found else ():
        first, _, last = part.partition("-")
        places += range(int(first), int(last or first) + 1)
    if not found or not places or max(places) > 63:
        raise _garbage(path, "names no bits")
    return _WORDS.index(found[1]), places


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SensorError(f"rapl: cannot read {path}: {error}; {_REMEDY}") from error


_REMEDY = 'update the kernel, or leave perf out: rapl = "powercap"'


def _garbage(path: Path, what: str) -> SensorError:
    return SensorError(f"rapl: {path} {what}; {_REMEDY}")


def _call(attr: bytes, cpu: int) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    every_process, no_group = -1, -1
    descriptor = library.syscall(
        ctypes.c_long(CALLS[platform.machine()]),
        ctypes.create_string_buffer(attr, len(attr)),
        *map(ctypes.c_long, (every_process, cpu, no_group, _CLOSE_ON_EXEC)),
    )
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(descriptor)
