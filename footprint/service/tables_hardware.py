"""The tables of hardware: what hosts are made of, and since when they are in service.

As all of the register: a change is a new row with its own `known_from_us`, and its parts have the
same.
"""

from sqlmodel import Field, SQLModel

from footprint.service.tables import big_key, compare_bytes, key


class Hardware(SQLModel, table=True):
    """A host's hardware, as known from an instant on."""

    __tablename__ = "hardware"

    code: str = key()
    known_from_us: int = big_key()
    name: str
    valid_from: str
    valid_to: str | None = None
    lifetime_years: int
    document: str | None = Field(default=None)


class HardwarePart(SQLModel, table=True):
    """So many of a part of it; not called `host_id`, since no host's facts lie with it."""

    __tablename__ = "hardware_part"

    hardware: str = key()
    known_from_us: int = big_key()
    ordinal: int = key(sa_column_kwargs={"autoincrement": False})
    part: str
    number: int


compare_bytes()
