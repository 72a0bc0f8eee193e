"""What the alert rules remember: chunks of one hour, each event id once, in place of whole files.

The events of files judged before are forgotten: windows that reach back to them are not judged.
"""

from datetime import UTC

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "alert_chunks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("min_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("max_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("events", sa.LargeBinary(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_chunks_max_started_at", "alert_chunks", ["max_started_at"])
    op.create_index("ix_alert_chunks_min_started_at", "alert_chunks", ["min_started_at"])
    marks = op.create_table(
        "alert_marks",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    connection = op.get_bind()
    batches = sa.table(
        "alert_batches",
        sa.column("file_url", sa.String),
        sa.column("max_started_at", sa.DateTime(timezone=True)),
    )
    newest = connection.scalar(sa.select(sa.func.max(batches.c.max_started_at)))
    if newest is not None:
        aware = newest if newest.tzinfo else newest.replace(tzinfo=UTC)
        op.bulk_insert(
            marks, [{"name": "forgotten", "value": int(aware.timestamp()) * 1_000_000 + 1_000_000}]
        )
    connection.execute(sa.delete(batches).where(batches.c.file_url == "silence"))
    op.drop_index("ix_alert_batches_max_started_at", "alert_batches")
    op.drop_index("ix_alert_batches_min_started_at", "alert_batches")
    with op.batch_alter_table("alert_batches") as table:
        table.drop_column("min_started_at")
        table.drop_column("max_started_at")
        table.drop_column("events")
    op.create_index("ix_incidents_group_key", "incidents", ["group_key"])
