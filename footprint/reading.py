"""What a sensor says at one instant, and what two of its readings prove was consumed.

In: `Counter` (cumulative energy) or `PowerSample` (power). Out: `Energy`, or a `Gap` with its
cause: unknown is a type here, never a zero (law 3).
"""

from typing import Literal, final

import msgspec

from footprint.units import NS_PER_S, Energy, uj_from_power

Cause = Literal[
    "read_failed",  # the sensor could not be read
    "permission",  # the operating system or driver refused the reading
    "absent",  # the device or its driver is gone
    "unsupported",  # the device is there and has no counter
    "reset",  # the counter fell and it is not a wrap
    "wrap",  # the counter may have wrapped more often than can be told
    "reboot",  # another boot: the counter began anew
    "stuck",  # the counter stands still under load
    "implausible",  # more than the device can draw
    "outage",  # nobody was reading
    "clock",  # time did not move forward between the readings, or by more than truly passed
    "spool_lost",  # what the meter kept of it was damaged or set back
    "spool_refused",  # the meter's disk was full or read-only for too long
]
"""Why an energy, or an attribution, is unknown."""

STUCK_AFTER_NS = 10 * NS_PER_S
"""A counter unchanged this long under load is stuck. RAPL updates about every millisecond (Intel
SDM vol. 3B, 14.10), NVML's within a second: ten seconds is no slow update."""

UPDATE_SLACK_NS = NS_PER_S
"""A counter that updates late shows the energy of up to this long before the interval as well; the
bound on what is plausible allows for it."""


@final
class Counter(msgspec.Struct, frozen=True, tag=True):
    """Cumulative energy of one device.

    `value_uj` microjoules since an unknown origin; `at_ns` nanoseconds of the boot's monotonic
    clock; `boot_id` the boot, followed by `:` and an epoch where the counter can begin anew within
    it (a sum that a process keeps); `range_uj` the size of the counter (it counts modulo that),
    None where it does not wrap within a device's life or its range is not known; `max_power_uw` the
    most the device can draw.
    """

    value_uj: int
    at_ns: int
    boot_id: str
    range_uj: int | None = None
    max_power_uw: int | None = None


@final
class PowerSample(msgspec.Struct, frozen=True, tag=True):
    """Power of one device at one instant (`at_ns` on the boot's monotonic clock), in microwatts.

    `max_age_ns` is how far apart two samples may be for their trapezium to stand for the energy
    between them.
    """

    power_uw: int
    at_ns: int
    boot_id: str
    max_age_ns: int = 5 * NS_PER_S


Reading = Counter | PowerSample


@final
class Gap(msgspec.Struct, frozen=True):
    """Energy unknown between two instants, and why."""

    cause: Cause


def consumed(before: Reading, after: Reading | Gap, *, loaded: bool = False) -> Energy | Gap:
    """The energy between two readings of one device, or why it cannot be known.

    - `after` is a `Gap` (the reading failed): that gap.
    - Another boot: gap `reboot`; another epoch of the same boot: gap `outage`. Time not moving:
      zero energy if the reading is repeated whole, else gap `clock`.
    - A counter that fell is unwrapped only where its range is known and the time is too short for
      a second wrap at `max_power_uw`; otherwise gap `reset` (range unknown) or `wrap`.
    - More than `max_power_uw` over the time between and `UPDATE_SLACK_NS`: gap `reset` if the
      counter fell (a reset looks like a wrap), else gap `implausible`.
    - A counter unchanged for `STUCK_AFTER_NS` or more while `loaded`: gap `stuck`. A shorter stand
      still is zero energy so far: keep the older reading as baseline, and the next move counts.
    - Two power samples: their trapezium, rounded down; gap `outage` when too far apart.
    """
    if type(after) is Gap:
        return after
    if before.boot_id != after.boot_id:
        same_boot = before.boot_id.partition(":")[0] == after.boot_id.partition(":")[0]
        return Gap("outage" if same_boot else "reboot")
    elapsed_ns = after.at_ns - before.at_ns
    if type(before) is Counter and type(after) is Counter:
        if elapsed_ns > 0:
            return _counted(before, after, elapsed_ns, loaded)
        same = elapsed_ns == 0 and before.value_uj == after.value_uj
        return Energy(0) if same else Gap("clock")
    if type(before) is PowerSample and type(after) is PowerSample:
        return _integrated(before, after, elapsed_ns)
    return Gap("reset")


def _integrated(before: PowerSample, after: PowerSample, elapsed_ns: int) -> Energy | Gap:
    if elapsed_ns < 0 or (elapsed_ns == 0 and before.power_uw != after.power_uw):
        return Gap("clock")
    if elapsed_ns > after.max_age_ns:
        return Gap("outage")
    return Energy(uj_from_power(before.power_uw + after.power_uw, elapsed_ns) // 2)


def _counted(before: Counter, after: Counter, elapsed_ns: int, loaded: bool) -> Energy | Gap:
    range_uj, most_uj = after.range_uj, None
    if after.max_power_uw is not None:
        most_uj = uj_from_power(after.max_power_uw, elapsed_ns + UPDATE_SLACK_NS)
    if range_uj is not None and (most_uj is None or most_uj >= range_uj):
        # Without a bound on power nobody can say how often the counter wrapped.
        return Gap("wrap")
    difference_uj = after.value_uj - before.value_uj
    if difference_uj < 0:
        if range_uj is None:
            return Gap("reset")
        difference_uj += range_uj
        if difference_uj < 0 or (most_uj is not None and difference_uj > most_uj):
            return Gap("reset")
    elif most_uj is not None and difference_uj > most_uj:
        return Gap("implausible")
    if difference_uj == 0 and loaded and elapsed_ns >= STUCK_AFTER_NS:
        return Gap("stuck")
    return Energy(difference_uj)
