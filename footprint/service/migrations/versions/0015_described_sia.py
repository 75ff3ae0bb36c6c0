"""What a SIA is for, where it stands and who answers for it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TEXT = sa.String().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    for name in ("purpose", "stage", "hosting", "charter", "owner"):
        op.add_column("sia", sa.Column(name, TEXT, nullable=True))
