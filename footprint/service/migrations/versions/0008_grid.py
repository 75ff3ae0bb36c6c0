"""What generated the grid's electricity, by quarter-hour."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")
NUMBERS = (
    "fuel_oil_mw",
    "coal_mw",
    "gas_mw",
    "nuclear_mw",
    "wind_mw",
    "solar_mw",
    "hydro_mw",
    "bioenergy_mw",
    "published_g_per_kwh",
)


def upgrade() -> None:
    op.create_table(
        "grid_quarter",
        sa.Column("zone", TEXT, nullable=False),
        sa.Column("start_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("known_from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("nature", TEXT, nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in NUMBERS),
        sa.PrimaryKeyConstraint("zone", "start_us", "known_from_us"),
        sqlite_with_rowid=False,
    )
