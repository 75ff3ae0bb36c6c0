"""Energy of node meters from imported files, and the files; node facts found by their time."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('imported_file',
    sa.Column('known_from_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('ordinal', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('sha256', sa.String(), nullable=False),
    sa.Column('meter', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('known_from_us', 'ordinal')
    )
    op.create_table('node_import',
    sa.Column('meter', sa.String(), nullable=False),
    sa.Column('start_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('known_from_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('end_us', sa.BigInteger(), nullable=False),
    sa.Column('host_ids', sa.String(), nullable=False),
    sa.Column('energy_uj', sa.BigInteger(), nullable=False),
    sa.Column('quality', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('meter', 'start_us', 'known_from_us'),
    sqlite_with_rowid=False
    )
    op.create_index('node_import_start', 'node_import', ['start_us'], unique=False)
    op.create_index('node_from', 'node', ['from_us'], unique=False)
