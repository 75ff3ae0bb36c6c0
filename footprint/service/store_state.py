"""SQL that tells in few reads whether anything was added to the database.

Every fact is a new row: a page moves its ledger's head, all else has its own `known_from_us`. Only
small tables are read.
"""

from sqlalchemy import Connection, func, select

from footprint.service import tables, tables_hardware, tables_sites

_HEADS = (tables.table(tables.LedgerHead), tables.table(tables.UsageHead))
_DATED = tuple(
    tables.table(model)
    for model in (
        tables.Factor,
        tables.Directorate,
        tables.Project,
        tables.Sia,
        tables.Server,
        tables_sites.Site,
        tables_hardware.Hardware,
        tables.ImportedFile,
    )
)


def marks(connection: Connection) -> tuple[int, ...]:
    """Numbers of which at least one changes with every fact that is added."""
    counts = [select(func.count(), func.coalesce(func.sum(rows.c.seq), 0)) for rows in _HEADS]
    dated = [
        select(func.count(), func.coalesce(func.max(rows.c.known_from_us), 0)) for rows in _DATED
    ]
    return tuple(
        number for query in (*counts, *dated) for number in connection.execute(query).one()
    )
