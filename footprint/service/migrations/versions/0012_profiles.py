"""Totals of days by quarter-hour; the days that are held are summed again."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "day_total",
        sa.Column("profile", sa.LargeBinary(), nullable=False, server_default=sa.text("''")),
    )
    with op.batch_alter_table("day_total") as table:
        table.alter_column("profile", server_default=None)
    op.execute(
        "INSERT INTO rollup_mark (host_id, day_us, ledger_id, seq, first_us, last_us) "
        "SELECT DISTINCT '', day_us, 'profiles', 0, day_us, day_us FROM day_total"
    )
