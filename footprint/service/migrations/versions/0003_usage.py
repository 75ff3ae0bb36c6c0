"""Usage of shared servers: its pages and what they say; servers and units in the register."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('server',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('known_from_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('prompt_weight', sa.Integer(), nullable=True),
    sa.Column('generated_weight', sa.Integer(), nullable=True),
    sa.Column('idle', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('code', 'known_from_us')
    )
    op.create_table('server_model',
    sa.Column('server', sa.String(), nullable=False),
    sa.Column('known_from_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ordinal', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('model', sa.String(), nullable=False),
    sa.Column('device', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('server', 'known_from_us', 'ordinal')
    )
    op.create_table('usage_cover',
    sa.Column('host_id', sa.String(), nullable=False),
    sa.Column('start_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ledger_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ordinal', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('end_us', sa.BigInteger(), nullable=False),
    sa.Column('origin', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('host_id', 'start_us', 'ledger_id', 'seq', 'ordinal'),
    sqlite_with_rowid=False
    )
    op.create_table('usage_gap',
    sa.Column('host_id', sa.String(), nullable=False),
    sa.Column('start_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ledger_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ordinal', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('from_us', sa.BigInteger(), nullable=False),
    sa.Column('to_us', sa.BigInteger(), nullable=False),
    sa.Column('cause', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('host_id', 'start_us', 'ledger_id', 'seq', 'ordinal'),
    sqlite_with_rowid=False
    )
    op.create_table('usage_head',
    sa.Column('host_id', sa.String(), nullable=False),
    sa.Column('ledger_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.Column('end_us', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('host_id', 'ledger_id')
    )
    op.create_table('usage_line',
    sa.Column('host_id', sa.String(), nullable=False),
    sa.Column('start_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ledger_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ordinal', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('total', sa.Boolean(), nullable=False),
    sa.Column('server', sa.String(), nullable=False),
    sa.Column('model', sa.String(), nullable=False),
    sa.Column('consumer', sa.String(), nullable=False),
    sa.Column('requests', sa.BigInteger(), nullable=True),
    sa.Column('prompt_tokens', sa.BigInteger(), nullable=True),
    sa.Column('cached_tokens', sa.BigInteger(), nullable=False),
    sa.Column('generated_tokens', sa.BigInteger(), nullable=True),
    sa.Column('total_tokens', sa.BigInteger(), nullable=True),
    sa.Column('units', sa.BigInteger(), nullable=True),
    sa.Column('estimated_uj', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('host_id', 'start_us', 'ledger_id', 'seq', 'ordinal'),
    sqlite_with_rowid=False
    )
    op.create_table('usage_page',
    sa.Column('host_id', sa.String(), nullable=False),
    sa.Column('ledger_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.Column('start_us', sa.BigInteger(), nullable=True),
    sa.Column('end_us', sa.BigInteger(), nullable=True),
    sa.Column('known_from_us', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('host_id', 'ledger_id', 'seq')
    )
    op.create_index(
        'usage_page_host_time', 'usage_page',
        ['host_id', 'start_us', 'end_us', 'state', 'known_from_us'], unique=False,
    )
    op.create_index('usage_page_state', 'usage_page', ['state', 'start_us'], unique=False)
    op.add_column('sia', sa.Column('unit', sa.String(), nullable=True))
