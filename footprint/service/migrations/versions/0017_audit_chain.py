"""The audit log says what was before and after, and is chained; nobody changes a line of it."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")
LEAST_KEPT_US = 30 * 86_400_000_000
AT_ONCE = 1000
SQLITE = (
    """CREATE TRIGGER audit_event_changed BEFORE UPDATE ON audit_event BEGIN
    SELECT RAISE(ABORT, 'audit_event: a line is never changed'); END""",
    """CREATE TRIGGER audit_event_replaced BEFORE INSERT ON audit_event
    WHEN NEW.seq <= (SELECT max(seq) FROM audit_event) BEGIN
    SELECT RAISE(ABORT, 'audit_event: a line comes after the last'); END""",
    f"""CREATE TRIGGER audit_event_left BEFORE DELETE ON audit_event
    WHEN OLD.at_us >= (SELECT max(at_us) FROM audit_event) - {LEAST_KEPT_US} BEGIN
    SELECT RAISE(ABORT, 'audit_event: a line stays for 30 days at least'); END""",
)
POSTGRESQL = (
    f"""CREATE FUNCTION audit_event_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            RAISE EXCEPTION 'audit_event: a line is never changed';
        ELSIF TG_OP = 'TRUNCATE' THEN
            RAISE EXCEPTION 'audit_event: lines leave by age alone';
        ELSIF TG_OP = 'INSERT' THEN
            IF NEW.seq <= (SELECT max(seq) FROM audit_event) THEN
                RAISE EXCEPTION 'audit_event: a line comes after the last';
            END IF;
            RETURN NEW;
        ELSIF OLD.at_us >= (SELECT max(at_us) FROM audit_event) - {LEAST_KEPT_US} THEN
            RAISE EXCEPTION 'audit_event: a line stays for 30 days at least';
        END IF;
        RETURN OLD;
    END $$""",
    """CREATE TRIGGER audit_event_kept BEFORE INSERT OR UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_guard()""",
    """CREATE TRIGGER audit_event_emptied BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_guard()""",
)


def upgrade() -> None:
    op.rename_table("audit_event", "audit_event_before")
    table = op.create_table(
        "audit_event",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("host_id", TEXT, nullable=True),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("before", TEXT, nullable=True),
        sa.Column("after", TEXT, nullable=True),
        sa.Column("previous", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("audit_event_at", "audit_event", ["at_us"], unique=False)
    connection = op.get_bind()
    held = sa.text(
        "SELECT at_us, actor, action, host_id, outcome FROM audit_event_before "
        "ORDER BY at_us, event_id"
    )
    previous, rows = "0" * 64, []
    for seq, row in enumerate(connection.execute(held).all(), 1):
        line = [seq, previous, *row, None, None]
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        hashed = hashlib.sha256(text.encode()).hexdigest()
        chained = {"seq": seq, "previous": previous, "hash": hashed}
        rows.append({**row._mapping, "before": None, "after": None, **chained})
        previous = hashed
    for first in range(0, len(rows), AT_ONCE):
        op.bulk_insert(table, rows[first : first + AT_ONCE])
    op.drop_table("audit_event_before")
    for statement in SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL:
        op.execute(statement)
