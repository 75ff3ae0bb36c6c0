"""The database on a Citus cluster: which tables are spread over its nodes by host, and what keeps
them from being.

In: a connection to PostgreSQL. Out: the schema's faults, one line each; the tables spread. A table
of facts of hosts is spread by `host_id`, all of a host on one node; any other is whole on every
node. What Citus refuses is in its manual ("SQL support and workarounds") and was tried on 13.2.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

COLUMN = "host_id"
BY_HOST = (
    "ledger_head",
    "page",
    "entry",
    "gap",
    "sensor",
    "node",
    "device",
    "usage_head",
    "usage_page",
    "usage_cover",
    "usage_line",
    "usage_gap",
    "rollup_mark",
    "host_day_cover",
    "host_day_gap",
    "host_day_use",
    "host_site",
    "archived_head",
)
EVERYWHERE = (
    "account",
    "account_right",
    "alembic_version",
    "archived_month",
    "alert",
    "budget",
    "day_cover",
    "day_gap",
    "day_total",
    "directorate",
    "enrolment_code",
    "external",
    "external_model",
    "factor",
    "grid_quarter",
    "host_token",
    "imported_file",
    "node_import",
    "outbox",
    "project",
    "quarter_total",
    "server",
    "server_model",
    "share",
    "sia",
    "sia_alias",
    "hardware",
    "hardware_part",
    "sign_in",
    "site",
    "site_contract",
    "site_host",
    "site_ratio",
)
HERE = ("audit_event", "closed_month", "published_month")
"""On the coordinator alone: triggers keep it, which Citus refuses on tables that it spreads."""
_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
ORDER BY relname
"""
_UNIQUE = """
SELECT i.indexrelid::regclass::text AS name, i.indisprimary AS primary,
    ARRAY(
        SELECT attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place
    ) AS columns
FROM pg_index AS i WHERE i.indrelid = to_regclass(:name) AND i.indisunique
"""
_COUNTED = """
SELECT a.attname::text FROM pg_attribute AS a
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(:name) AND a.attnum > 0
    AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%')
"""
_TRIGGERS = """
SELECT tgname::text FROM pg_trigger WHERE tgrelid = to_regclass(:name) AND NOT tgisinternal
"""
_REFERENCES = """
SELECT conname::text FROM pg_constraint
WHERE contype = 'f' AND to_regclass(:name) IN (conrelid, confrelid)
"""


def faults(connection: Connection) -> Iterator[str]:
    """What keeps the schema from being spread by host."""
    for name in connection.execute(text(_TABLES)).scalars().all():
        if name in HERE:
            continue
        if name not in (*BY_HOST, *EVERYWHERE):
            yield f"table {name}: neither by host nor on every node; say which in citus.py"
            continue
        if name in BY_HOST:
            yield from _keys(connection, name)
        for query, what in (
            (_COUNTED, "column {} is counted up by the database"),
            (_TRIGGERS, "has the trigger {}"),
            (_REFERENCES, "has the foreign key {}"),
        ):
            for found in connection.execute(text(query), {"name": name}).scalars():
                yield f"table {name}: {what.format(found)}"


def _keys(connection: Connection, name: str) -> Iterator[str]:
    """Keys without the host, or with the host behind."""
    found = connection.execute(text(_UNIQUE), {"name": name}).all()
    if not any(row.primary for row in found):
        yield f"table {name}: has no primary key"
    for row in found:
        if COLUMN not in row.columns:
            yield f"table {name}: its key {row.name} does not have {COLUMN}"
        elif row.columns[0] != COLUMN:
            yield f"table {name}: its key {row.name} does not begin with {COLUMN}"


def version(connection: Connection) -> str | None:
    """The extension's version in this database; None where it is missing."""
    query = text("SELECT extversion FROM pg_extension WHERE extname = 'citus'")
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def spread(connection: Connection) -> set[str]:
    """The tables that Citus knows."""
    return set(connection.execute(text("SELECT table_name::text FROM citus_tables")).scalars())


def missing(connection: Connection) -> list[tuple[str, str]]:
    """The tables that Citus has yet to be told of, each with the statement that does; those on
    every node first."""
    there = set(connection.execute(text(_TABLES)).scalars())
    known = spread(connection)
    everywhere = [
        (name, "SELECT create_reference_table(CAST(:name AS text))")
        for name in EVERYWHERE
        if name != "alembic_version"
    ]
    first = BY_HOST[0]
    by_host = [
        (
            name,
            f"SELECT create_distributed_table(CAST(:name AS text), '{COLUMN}', "
            f"colocate_with => '{'default' if name == first else first}')",
        )
        for name in BY_HOST
    ]
    return [(name, said) for name, said in (*everywhere, *by_host) if name in there - known]
