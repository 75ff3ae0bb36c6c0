"""Alerts of budgets, and messages about them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _big(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "alert",
        *_text("budget", "kind"),
        *_big("percent", "raised_us"),
        *_text("project", "sia"),
        *_big("calm_us", "ended_us"),
        *_text("event", "content"),
        sa.PrimaryKeyConstraint("budget", "kind", "percent", "raised_us"),
    )
    op.create_index("alert_raised", "alert", ["raised_us"])
    op.create_table(
        "outbox",
        *_big("seq"),
        *_text("message_id", "channel", "target", "budget", "kind"),
        *_big("percent", "raised_us"),
        *_text("event", "content"),
        *_big("made_us", "due_us", "leased_us", "attempts", "sent_us", "given_up_us"),
        *_text("said"),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("outbox_waiting", "outbox", ["sent_us", "given_up_us", "seq"])
    op.create_index("outbox_of_alert", "outbox", ["budget", "kind", "percent", "raised_us"])
