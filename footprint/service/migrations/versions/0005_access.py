"""Who may write: one-time codes for enrolment, tokens of hosts, and the log of what was done."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# As migration 0004 made every text before: compared as its bytes.
TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table('enrolment_code',
    sa.Column('code_id', TEXT, nullable=False),
    sa.Column('sha256', TEXT, nullable=False),
    sa.Column('host_id', TEXT, nullable=True),
    sa.Column('created_us', sa.BigInteger(), nullable=False),
    sa.Column('expires_us', sa.BigInteger(), nullable=False),
    sa.Column('used_us', sa.BigInteger(), nullable=True),
    sa.Column('token_id', TEXT, nullable=True),
    sa.PrimaryKeyConstraint('code_id')
    )
    op.create_table('host_token',
    sa.Column('token_id', TEXT, nullable=False),
    sa.Column('sha256', TEXT, nullable=False),
    sa.Column('host_id', TEXT, nullable=False),
    sa.Column('fingerprint', TEXT, nullable=False),
    sa.Column('created_us', sa.BigInteger(), nullable=False),
    sa.Column('first_used_us', sa.BigInteger(), nullable=True),
    sa.Column('revoked_us', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('token_id')
    )
    op.create_index('host_token_host', 'host_token', ['host_id'], unique=False)
    op.create_table('audit_event',
    sa.Column('at_us', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('event_id', TEXT, nullable=False),
    sa.Column('actor', TEXT, nullable=False),
    sa.Column('action', TEXT, nullable=False),
    sa.Column('host_id', TEXT, nullable=True),
    sa.Column('outcome', TEXT, nullable=False),
    sa.PrimaryKeyConstraint('at_us', 'event_id')
    )
