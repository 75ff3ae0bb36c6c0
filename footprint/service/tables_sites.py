"""The tables of sites: where hosts stand, with PUE, WUE and contracts, all of them dated.

Every change of a site is a new row with its own `known_from_us`; the rows that belong to it carry
the same instant. Days and decimals are kept as text, exactly as they were given.
"""

from sqlmodel import Field, SQLModel

from footprint.service.tables import big_key, compare_bytes, key


class Site(SQLModel, table=True):
    """A site, as known from an instant on."""

    __tablename__ = "site"

    code: str = key()
    known_from_us: int = big_key()
    name: str
    zone: str


class _OfSite(SQLModel):
    """The key of what belongs to a site, and the Paris days [valid_from, valid_to)."""

    site: str = key()
    known_from_us: int = big_key()
    ordinal: int = key(sa_column_kwargs={"autoincrement": False})
    valid_from: str | None = None
    valid_to: str | None = None


class SiteHost(_OfSite, table=True):
    """A host that stands in a site; not called `host_id`, since no host's facts lie with it."""

    __tablename__ = "site_host"

    host: str


class SiteRatio(_OfSite, table=True):
    """A PUE or WUE (`kind`)."""

    __tablename__ = "site_ratio"

    kind: str
    value: str
    category: int | None = Field(default=None)
    document: str


class SiteContract(_OfSite, table=True):
    """A part of a site's electricity that is bought under a contract."""

    __tablename__ = "site_contract"

    permille: int
    g_per_kwh: str
    document: str


compare_bytes()
