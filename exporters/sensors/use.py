"""Who used one accelerator since the last look, as its driver tells it: facts, no attribution.

A pid is the driver's word for a process; whose it is, is asked elsewhere (`exporters/workloads`).
None is "the driver does not tell", which is not "nobody".
"""

from collections.abc import Mapping, Sequence

import msgspec


class Held(msgspec.Struct, frozen=True):
    """A process that holds an accelerator: its memory there in bytes, and the MIG instance it is
    in; `computes` is false where it only draws (a display server)."""

    pid: int
    memory_bytes: int | None
    instance: int | None = None
    computes: bool = True


class Slice(msgspec.Struct, frozen=True):
    """A MIG instance: its number, the UUIDs of its MIG devices, how many slices of the card it has,
    and how busy its SMs were since the last look, in hundredths of a percent."""

    instance: int
    uuids: tuple[str, ...]
    slices: int
    busy: int | None


class Use(msgspec.Struct, frozen=True):
    """Who held the accelerator at this look; `sm` is the SM time of each pid since the last one, in
    percent times microseconds; `instances` where it is divided (MIG), and then `sm` is None."""

    processes: Sequence[Held] | None
    sm: Mapping[int, int] | None
    instances: Sequence[Slice] = ()


UNKNOWN = Use(None, None)
