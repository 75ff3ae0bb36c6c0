"""Factors of a subject other than a zone's mix, with their spread, parts, resolution and licence."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")
KEPT = (
    "indicator, zone, method, valid_from, basis, known_from_us, valid_to, value, unit, "
    "uncertainty_percent, source, published"
)


def upgrade() -> None:
    """The subject belongs to the key, so the table is made anew and its rows carried over."""
    op.create_table(
        "factor_anew",
        sa.Column("indicator", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("zone", TEXT, nullable=False),
        sa.Column("method", TEXT, nullable=False),
        sa.Column("valid_from", TEXT, nullable=False),
        sa.Column("basis", TEXT, nullable=False),
        sa.Column("known_from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("valid_to", TEXT, nullable=True),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("low", TEXT, nullable=True),
        sa.Column("high", TEXT, nullable=True),
        sa.Column("unit", TEXT, nullable=False),
        sa.Column("resolution", TEXT, nullable=False),
        sa.Column("uncertainty_percent", TEXT, nullable=True),
        sa.Column("parts", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("licence", TEXT, nullable=False),
        sa.Column("published", TEXT, nullable=False),
        sa.PrimaryKeyConstraint(
            "indicator", "subject", "zone", "method", "valid_from", "basis", "known_from_us"
        ),
    )
    op.execute(
        f"INSERT INTO factor_anew ({KEPT}, subject, resolution, parts, licence) "
        f"SELECT {KEPT}, 'electricity', 'year', '', '' FROM factor"
    )
    op.drop_table("factor")
    op.rename_table("factor_anew", "factor")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX factor_anew_pkey RENAME TO factor_pkey")
