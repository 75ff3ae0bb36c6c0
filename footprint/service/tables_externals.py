"""The tables of AI services outside the house: who provides each, and what its models are called.

As all of the register: a change is a new row with its own `known_from_us`, and its models have the
same.
"""

from sqlmodel import SQLModel

from footprint.service.tables import big_key, compare_bytes, key


class External(SQLModel, table=True):
    """An AI service outside the house, as known from an instant on."""

    __tablename__ = "external"

    code: str = key()
    known_from_us: int = big_key()
    name: str
    provider: str
    zone: str | None = None


class ExternalModel(SQLModel, table=True):
    """A model of it: the code that usage has, and what the provider calls it."""

    __tablename__ = "external_model"

    external: str = key()
    known_from_us: int = big_key()
    ordinal: int = key(sa_column_kwargs={"autoincrement": False})
    model: str
    name: str


compare_bytes()
