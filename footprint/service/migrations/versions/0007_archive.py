"""Months whose pages have left the database, and where each ledger was cut."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table('archived_month',
    sa.Column('month', TEXT, nullable=False),
    sa.Column('file', TEXT, nullable=False),
    sa.Column('sha256', TEXT, nullable=False),
    sa.Column('pages', sa.BigInteger(), nullable=False),
    sa.Column('quarantined', sa.BigInteger(), nullable=False),
    sa.Column('until_us', sa.BigInteger(), nullable=False),
    sa.Column('at_us', sa.BigInteger(), nullable=False),
    sa.Column('facts', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('month')
    )
    op.create_table('archived_head',
    sa.Column('host_id', TEXT, nullable=False),
    sa.Column('kind', TEXT, nullable=False),
    sa.Column('ledger_id', TEXT, nullable=False),
    sa.Column('until_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('hash', TEXT, nullable=False),
    sa.Column('end_us', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('host_id', 'kind', 'ledger_id', 'until_us')
    )
