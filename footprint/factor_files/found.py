"""What a published file of factors gave: the factors, and what was left out, for a person."""

import msgspec

from footprint.factors import Factor


class Found(msgspec.Struct, frozen=True):
    """Factors in order, how many rows were read, and remarks on what was left out."""

    factors: list[Factor]
    rows: int
    remarks: list[str]
