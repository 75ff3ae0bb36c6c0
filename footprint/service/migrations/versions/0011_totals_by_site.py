"""Totals by site, and where each host stands; what was summed before is of no site."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")
KEYS = ("consumer", "component", "part", "quality")
TOTALS = {"quarter_total": "quarter_us", "day_total": "day_us"}


def upgrade() -> None:
    op.create_table(
        "host_site",
        sa.Column("host_id", TEXT, nullable=False),
        sa.Column("from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("site", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("host_id", "from_us"),
    )
    for name, at in TOTALS.items():
        keys = [at, *KEYS, "site"]
        op.create_table(
            f"{name}_anew",
            sa.Column(at, sa.BigInteger(), autoincrement=False, nullable=False),
            *(sa.Column(key, TEXT, nullable=False) for key in keys[1:]),
            sa.Column("energy_j", sa.BigInteger(), nullable=False),
            sa.Column("rest_uj", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint(*keys),
        )
        kept = ", ".join([at, *KEYS])
        op.execute(
            f"INSERT INTO {name}_anew ({kept}, site, energy_j, rest_uj) "
            f"SELECT {kept}, '', energy_j, rest_uj FROM {name}"
        )
        op.drop_table(name)
        op.rename_table(f"{name}_anew", name)
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"ALTER INDEX {name}_anew_pkey RENAME TO {name}_pkey")
