"""Hardware of hosts, and who used each with how much energy; days held are summed again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "hardware",
        sa.Column("code", TEXT, nullable=False),
        sa.Column("known_from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("valid_from", TEXT, nullable=False),
        sa.Column("valid_to", TEXT, nullable=True),
        sa.Column("lifetime_years", sa.Integer(), nullable=False),
        sa.Column("document", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("code", "known_from_us"),
    )
    op.create_table(
        "hardware_part",
        sa.Column("hardware", TEXT, nullable=False),
        sa.Column("known_from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("part", TEXT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hardware", "known_from_us", "ordinal"),
    )
    for name in ("boards_mj", "rest_mj"):
        op.add_column(
            "host_day_use",
            sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        )
    with op.batch_alter_table("host_day_use") as table:
        for name in ("boards_mj", "rest_mj"):
            table.alter_column(name, server_default=None)
    op.execute(
        "INSERT INTO rollup_mark (host_id, day_us, ledger_id, seq, first_us, last_us) "
        "SELECT DISTINCT host_id, day_us, 'hardware', 0, day_us, day_us FROM host_day_use"
    )
