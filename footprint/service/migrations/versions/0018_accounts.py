"""Accounts, their rights, and who is signed in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("label", TEXT, nullable=False),
        sa.Column("login", TEXT, nullable=True),
        sa.Column("password", TEXT, nullable=True),
        sa.Column("issuer", TEXT, nullable=True),
        sa.Column("subject", TEXT, nullable=True),
        sa.Column("sha256", TEXT, nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=True),
        sa.Column("disabled_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("account_id"),
    )
    op.create_index("account_login", "account", ["login"], unique=True)
    op.create_index("account_subject", "account", ["issuer", "subject"], unique=True)
    op.create_table(
        "account_right",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("project", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "role", "project"),
    )
    op.create_table(
        "sign_in",
        sa.Column("sign_in_id", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sign_in_id"),
    )
    op.create_index("sign_in_account", "sign_in", ["account_id"], unique=False)
    op.create_index("sign_in_end", "sign_in", ["expires_us"], unique=False)
