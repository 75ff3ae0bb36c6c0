"""What month a page is filed in; on PostgreSQL tables in months, and text compared as its bytes.

No version before this one ran on PostgreSQL: there the tables are empty when this runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PAGE_INDEXES = {
    "{}_host_time": ["host_id", "start_us", "end_us", "state", "known_from_us"],
    "{}_state": ["state", "start_us"],
}
BY_START = {"{}_start": ["start_us"]}
PAGES = ("page", "usage_page")
CONTENT = {
    "entry": BY_START,
    "gap": BY_START,
    "sensor": BY_START,
    "node": {"{}_from": ["from_us"]},
    "usage_cover": {},
    "usage_line": {},
    "usage_gap": {},
}


def upgrade() -> None:
    for name in PAGES:
        op.add_column(
            name, sa.Column("filed_us", sa.BigInteger(), nullable=False, server_default="0")
        )
        op.execute(
            f"UPDATE {name} SET filed_us = "
            "CASE WHEN state = 'accepted' THEN start_us ELSE known_from_us END"
        )
    if op.get_bind().dialect.name == "postgresql":
        _compare_bytes()
        for name in PAGES:
            _divide(name, "filed_us", ["host_id", "ledger_id", "seq", "filed_us"], PAGE_INDEXES)
        for name, indexes in CONTENT.items():
            _divide(name, "start_us", ["host_id", "start_us", "ledger_id", "seq", "ordinal"], indexes)


def _compare_bytes() -> None:
    """Order text as SQLite and Python do, whatever the database's language."""
    inspector = sa.inspect(op.get_bind())
    for table in set(inspector.get_table_names()) - {"alembic_version"}:
        for column in inspector.get_columns(table):
            if isinstance(column["type"], sa.String):
                op.execute(f'ALTER TABLE {table} ALTER {column["name"]} TYPE text COLLATE "C"')


def _divide(name: str, column: str, key: list[str], indexes: dict[str, list[str]]) -> None:
    """Make an empty table one in ranges of `column`."""
    op.rename_table(name, f"{name}_whole")
    op.execute(f"CREATE TABLE {name} (LIKE {name}_whole) PARTITION BY RANGE ({column})")
    op.drop_table(f"{name}_whole")
    op.create_primary_key(f"{name}_pkey", name, key)
    for pattern, columns in indexes.items():
        op.create_index(pattern.format(name), name, columns)
