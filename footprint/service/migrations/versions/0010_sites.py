"""Sites: where hosts stand, with their PUE, WUE and contracts."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")
OF_SITE: dict[str, list[tuple[str, Any, bool]]] = {
    "site_host": [("host", TEXT, False)],
    "site_ratio": [
        ("kind", TEXT, False),
        ("value", TEXT, False),
        ("category", sa.Integer(), True),
        ("document", TEXT, False),
    ],
    "site_contract": [
        ("permille", sa.Integer(), False),
        ("g_per_kwh", TEXT, False),
        ("document", TEXT, False),
    ],
}


def upgrade() -> None:
    op.create_table(
        "site",
        sa.Column("code", TEXT, nullable=False),
        sa.Column("known_from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("zone", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("code", "known_from_us"),
    )
    for name, columns in OF_SITE.items():
        op.create_table(
            name,
            sa.Column("site", TEXT, nullable=False),
            sa.Column("known_from_us", sa.BigInteger(), autoincrement=False, nullable=False),
            sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column("valid_from", TEXT, nullable=True),
            sa.Column("valid_to", TEXT, nullable=True),
            *(sa.Column(column, kind, nullable=nullable) for column, kind, nullable in columns),
            sa.PrimaryKeyConstraint("site", "known_from_us", "ordinal"),
        )
