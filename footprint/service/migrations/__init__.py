"""Alembic's room: `env.py` runs the revisions in `versions/` on the connection it is given."""
