"""A day's energy by quarter-hour, in few bytes: what rollups keep beside the day's sum.

In: microjoules by quarter-hour of a Paris day (92, 96 or 100 of them). Out: bytes, eight for each,
little-endian; and from them the same again.
"""

import struct
from collections.abc import Sequence

_EACH = 8


def pack(profile_uj: Sequence[int]) -> bytes:
    """The profile as it is kept."""
    return struct.pack(f"<{len(profile_uj)}Q", *profile_uj)


def unpack(packed: bytes) -> tuple[int, ...]:
    """The profile again; empty where none was kept, or what was kept is none."""
    if len(packed) % _EACH:
        return ()
    return struct.unpack(f"<{len(packed) // _EACH}Q", packed)
