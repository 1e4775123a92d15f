"""What Alembic runs: the migrations, in the transaction and on the connection that `schema` hands over."""

from alembic import context

from balanza.store import account_tables, tables  # noqa: F401 - whose tables these are
from balanza.store.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
