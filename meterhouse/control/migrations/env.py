"""How Alembic reaches the control database: over the connection and in the transaction of its caller.

What belongs here: nothing but that. Settings and locks are in `meterhouse/control/database.py`.
"""

from alembic import context

from meterhouse.control.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
