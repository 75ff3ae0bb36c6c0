"""What a sensor can say about a host beside its readings, for the person who runs the doctor.

In: a state of a device. Out: one line about it, and what to do.
"""

import msgspec


class Remark(msgspec.Struct, frozen=True):
    """`defect`: something that should work does not; otherwise good to know. `remedy` may be ''."""

    about: str
    says: str
    remedy: str = ""
    defect: bool = False
