"""Run by Alembic: brings the tables of the given connection up to date, in the transaction that is open on it."""

from alembic import context

from bot.store.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE
)
context.run_migrations()
