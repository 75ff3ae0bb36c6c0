"""Budgets, every revision of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "budget",
        sa.Column("code", TEXT, nullable=False),
        sa.Column("known_from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", TEXT, nullable=False),
        sa.Column("sia", TEXT, nullable=False),
        sa.Column("content", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("method_version", TEXT, nullable=False),
        sa.Column("factors_as_of_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code", "known_from_us"),
    )
