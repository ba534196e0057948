"""Alembic runs this inside the connection and the transaction of `Database.migrate`."""

from alembic import context

from database.models import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    transactional_ddl=True,  # an upgrade that stops half-way leaves nothing behind
)
with context.begin_transaction():
    context.run_migrations()
