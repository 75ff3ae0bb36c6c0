"""Closed months and which of them are published; nobody changes a row of either."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")
TABLES = ("closed_month", "published_month")


def upgrade() -> None:
    op.create_table(
        "closed_month",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("month", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.Column("previous", TEXT, nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("publication", sa.LargeBinary(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("month"),
    )
    op.create_table(
        "published_month",
        sa.Column("month", TEXT, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("month"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _keep_sqlite()
    else:
        _keep_postgresql()


def _keep_sqlite() -> None:
    for table, column in zip(TABLES, ("number", "month"), strict=True):
        said = f"SELECT RAISE(ABORT, '{table}: a row is never changed'); END"
        op.execute(f"CREATE TRIGGER {table}_changed BEFORE UPDATE ON {table} BEGIN {said}")
        op.execute(f"CREATE TRIGGER {table}_left BEFORE DELETE ON {table} BEGIN {said}")
        # INSERT OR REPLACE takes out without a word where recursive triggers are off.
        op.execute(
            f"CREATE TRIGGER {table}_replaced BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {column} = NEW.{column} "
            f"OR month = NEW.month) BEGIN {said}"
        )


def _keep_postgresql() -> None:
    op.execute(
        """CREATE FUNCTION closing_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '%: a row is never changed', TG_TABLE_NAME;
    END $$"""
    )
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION closing_guard()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION closing_guard()"
        )
