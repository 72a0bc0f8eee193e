"""Requests that each sync spent, and the ledger of call logs brought in from a provider's storage."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.add_column("sync_runs", sa.Column("request_count", sa.BigInteger(), nullable=True))
    op.create_table(
        "imported_logs",
        sa.Column("url", sa.String(length=1300), nullable=False),
        sa.Column("landing_url", sa.String(length=1000), nullable=False),
        sa.Column("line_count", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("url"),
    )
