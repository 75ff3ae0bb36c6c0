"""Codes that stand for a SIA over a time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "sia_alias",
        sa.Column("sia", TEXT, nullable=False),
        sa.Column("known_from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("valid_from", TEXT, nullable=True),
        sa.Column("valid_to", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("sia", "known_from_us", "ordinal"),
    )
