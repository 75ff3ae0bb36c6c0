"""Rollups, and a mark for every day that is held; indexes for what is read beside them."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from footprint.interval import from_us, paris_date, paris_day, to_us

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")
TABLES = {
    "rollup_mark": (["host_id", "day_us", "ledger_id", "seq"], ["first_us", "last_us"]),
    "host_day_cover": (
        ["host_id", "day_us", "component", "device", "quality"],
        ["metered_uj", "paged_us", "lost_us", "told_us"],
    ),
    "host_day_gap": (["host_id", "day_us", "kind", "component", "cause"], ["duration_us"]),
    "host_day_use": (["host_id", "day_us", "consumer"], []),
    "quarter_total": (
        ["quarter_us", "consumer", "component", "part", "quality"],
        ["energy_j", "rest_uj"],
    ),
    "day_total": (
        ["day_us", "consumer", "component", "part", "quality"],
        ["energy_j", "rest_uj"],
    ),
    "day_cover": (
        ["day_us", "component", "rated_power_uw"],
        ["paged_us", "lost_us", "told_us"],
    ),
    "day_gap": (["day_us", "kind", "component", "cause"], ["duration_us"]),
}
NUMBERS = {"day_us", "seq", "quarter_us", "rated_power_uw"}
HOUR_US = 3_600_000_000


def upgrade() -> None:
    for name in ("entry", "gap", "sensor"):
        op.drop_index(f"{name}_start", name)
    for name in ("page", "usage_page"):
        op.drop_index(f"{name}_host_time", name)
        op.drop_index(f"{name}_state", name)
        op.create_index(f"{name}_host_time", name, ["host_id", "start_us"])
        quarantined = sa.text("state = 'quarantined'")
        op.create_index(
            f"{name}_quarantined",
            name,
            ["start_us"],
            sqlite_where=quarantined,
            postgresql_where=quarantined,
        )
    op.create_index(
        "device_gpu",
        "device",
        ["device"],
        sqlite_where=sa.text("component = 'gpu'"),
        postgresql_where=sa.text("component = 'gpu'"),
    )
    for name, (key, values) in TABLES.items():
        op.create_table(name, *_key(key), *_values(values), sa.PrimaryKeyConstraint(*key))
    _mark_all()


def _key(names: list[str]) -> list[sa.Column[Any]]:
    return [
        sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)
        if name in NUMBERS
        else sa.Column(name, TEXT, nullable=False)
        for name in names
    ]


def _values(names: list[str]) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _mark_all() -> None:
    """Every day of every host that is held has to be summed."""
    connection = op.get_bind()
    hours = connection.execute(
        sa.text(
            "SELECT host_id, ledger_id, min(seq) AS seq, min(start_us) AS first_us, "
            "max(start_us) AS last_us FROM page WHERE state = 'accepted' "
            f"GROUP BY host_id, ledger_id, start_us / {HOUR_US}"
        )
    )
    marks = [
        {**row, "day_us": to_us(paris_day(paris_date(from_us(row["first_us"]))).start)}
        for row in hours.mappings()
    ]
    if marks:
        connection.execute(
            sa.text(
                "INSERT INTO rollup_mark (host_id, day_us, ledger_id, seq, first_us, last_us) "
                "VALUES (:host_id, :day_us, :ledger_id, :seq, :first_us, :last_us)"
            ),
            marks,
        )
