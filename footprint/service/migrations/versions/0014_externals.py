"""AI services outside the house, and what their models are called; a gateway's own estimate of
gases beside its estimate of energy."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "external",
        sa.Column("code", TEXT, nullable=False),
        sa.Column("known_from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("provider", TEXT, nullable=False),
        sa.Column("zone", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("code", "known_from_us"),
    )
    op.create_table(
        "external_model",
        sa.Column("external", TEXT, nullable=False),
        sa.Column("known_from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("external", "known_from_us", "ordinal"),
    )
    op.add_column("usage_line", sa.Column("estimated_ug", sa.BigInteger(), nullable=True))
