"""First schema: pages and what is derived from them, the register, the factors."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('device',
    sa.Column('host_id', sa.String(), nullable=False),
    sa.Column('component', sa.String(), nullable=False),
    sa.Column('device', sa.String(), nullable=False),
    sa.Column('first_us', sa.BigInteger(), nullable=False),
    sa.Column('last_us', sa.BigInteger(), nullable=False),
    sa.Column('known_from_us', sa.BigInteger(), nullable=False),
    sa.Column('rated_power_uw', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('host_id', 'component', 'device')
    )
    op.create_table('directorate',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('known_from_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('code', 'known_from_us')
    )
    op.create_table('entry',
    sa.Column('host_id', sa.String(), nullable=False),
    sa.Column('start_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ledger_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ordinal', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('component', sa.String(), nullable=False),
    sa.Column('device', sa.String(), nullable=False),
    sa.Column('consumer', sa.String(), nullable=False),
    sa.Column('part', sa.String(), nullable=False),
    sa.Column('energy_uj', sa.BigInteger(), nullable=False),
    sa.Column('quality', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('host_id', 'start_us', 'ledger_id', 'seq', 'ordinal'),
    sqlite_with_rowid=False
    )
    op.create_index('entry_start', 'entry', ['start_us'], unique=False)
    op.create_table('factor',
    sa.Column('indicator', sa.String(), nullable=False),
    sa.Column('zone', sa.String(), nullable=False),
    sa.Column('method', sa.String(), nullable=False),
    sa.Column('valid_from', sa.String(), nullable=False),
    sa.Column('basis', sa.String(), nullable=False),
    sa.Column('known_from_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('valid_to', sa.String(), nullable=True),
    sa.Column('value', sa.String(), nullable=False),
    sa.Column('unit', sa.String(), nullable=False),
    sa.Column('uncertainty_percent', sa.String(), nullable=True),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('published', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('indicator', 'zone', 'method', 'valid_from', 'basis', 'known_from_us')
    )
    op.create_table('gap',
    sa.Column('host_id', sa.String(), nullable=False),
    sa.Column('start_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ledger_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ordinal', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('component', sa.String(), nullable=False),
    sa.Column('device', sa.String(), nullable=False),
    sa.Column('from_us', sa.BigInteger(), nullable=False),
    sa.Column('to_us', sa.BigInteger(), nullable=False),
    sa.Column('cause', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('host_id', 'start_us', 'ledger_id', 'seq', 'ordinal'),
    sqlite_with_rowid=False
    )
    op.create_index('gap_start', 'gap', ['start_us'], unique=False)
    op.create_table('ledger_head',
    sa.Column('host_id', sa.String(), nullable=False),
    sa.Column('ledger_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.Column('hash', sa.String(), nullable=False),
    sa.Column('end_us', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('host_id', 'ledger_id')
    )
    op.create_table('node',
    sa.Column('host_id', sa.String(), nullable=False),
    sa.Column('start_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ledger_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ordinal', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('meter', sa.String(), nullable=False),
    sa.Column('host_ids', sa.String(), nullable=False),
    sa.Column('from_us', sa.BigInteger(), nullable=False),
    sa.Column('to_us', sa.BigInteger(), nullable=False),
    sa.Column('energy_uj', sa.BigInteger(), nullable=False),
    sa.Column('quality', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('host_id', 'start_us', 'ledger_id', 'seq', 'ordinal'),
    sqlite_with_rowid=False
    )
    op.create_table('page',
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
    op.create_index('page_host_time', 'page', ['host_id', 'start_us', 'end_us', 'state', 'known_from_us'], unique=False)
    op.create_index('page_state', 'page', ['state', 'start_us'], unique=False)
    op.create_table('project',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('known_from_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('directorate', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('code', 'known_from_us')
    )
    op.create_table('sensor',
    sa.Column('host_id', sa.String(), nullable=False),
    sa.Column('start_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ledger_id', sa.String(), nullable=False),
    sa.Column('seq', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ordinal', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('end_us', sa.BigInteger(), nullable=False),
    sa.Column('sensor', sa.String(), nullable=False),
    sa.Column('device', sa.String(), nullable=False),
    sa.Column('component', sa.String(), nullable=True),
    sa.Column('covers', sa.String(), nullable=False),
    sa.Column('evidence', sa.Boolean(), nullable=False),
    sa.Column('quality', sa.String(), nullable=False),
    sa.Column('status', sa.String(), nullable=False),
    sa.Column('metered_uj', sa.BigInteger(), nullable=False),
    sa.Column('interpolated_uj', sa.BigInteger(), nullable=False),
    sa.Column('failures', sa.BigInteger(), nullable=False),
    sa.Column('last_error', sa.String(), nullable=False),
    sa.Column('rated_power_uw', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('host_id', 'start_us', 'ledger_id', 'seq', 'ordinal'),
    sqlite_with_rowid=False
    )
    op.create_index('sensor_start', 'sensor', ['start_us'], unique=False)
    op.create_table('share',
    sa.Column('sia', sa.String(), nullable=False),
    sa.Column('known_from_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ordinal', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('project', sa.String(), nullable=False),
    sa.Column('permille', sa.Integer(), nullable=False),
    sa.Column('valid_from', sa.String(), nullable=True),
    sa.Column('valid_to', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('sia', 'known_from_us', 'ordinal')
    )
    op.create_table('sia',
    sa.Column('code', sa.String(), nullable=False),
    sa.Column('known_from_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('code', 'known_from_us')
    )
