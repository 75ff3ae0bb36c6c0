"""Alembic's entry: runs the revisions on the connection that `store_migrate` hands over."""

from alembic import context

from footprint.service import (  # their tables belong to METADATA
    tables_access,  # noqa: F401
    tables_accounts,  # noqa: F401
    tables_alerts,  # noqa: F401
    tables_archive,  # noqa: F401
    tables_budgets,  # noqa: F401
    tables_closings,  # noqa: F401
    tables_grid,  # noqa: F401
    tables_sites,  # noqa: F401
)
from footprint.service.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
