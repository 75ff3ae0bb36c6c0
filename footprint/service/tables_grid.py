"""The table of what generated the grid's electricity, quarter-hour by quarter-hour.

Rows are added, never changed: of those of a quarter-hour the most final one holds, and of equally
final ones that known last (law 4).
"""

from sqlmodel import SQLModel

from footprint.service.tables import big_key, compare_bytes, key


class GridQuarter(SQLModel, table=True):
    """Mean generation in MW by technology, and the operator's own direct CO2 rate; null where it
    says nothing. `known_from_us` leads to the files."""

    __tablename__ = "grid_quarter"
    __table_args__ = ({"sqlite_with_rowid": False},)

    zone: str = key()
    start_us: int = big_key()
    known_from_us: int = big_key()
    nature: str
    fuel_oil_mw: int | None = None
    coal_mw: int | None = None
    gas_mw: int | None = None
    nuclear_mw: int | None = None
    wind_mw: int | None = None
    solar_mw: int | None = None
    hydro_mw: int | None = None
    bioenergy_mw: int | None = None
    published_g_per_kwh: int | None = None


compare_bytes()
