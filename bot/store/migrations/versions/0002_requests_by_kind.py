"""Requests by kind. Of earlier runs it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns."""
    for name in ("not_modified", "graphql", "points"):
        op.add_column("requests", sa.Column(name, sa.Integer(), nullable=True))
