"""Alembic's entry: runs the revisions in the transaction that `upgrade_store` began."""

from alembic import context
from sqlalchemy import Connection

from order_store.schema import metadata


def run() -> None:
    """Run the migrations; two processes that start at once take turns."""
    tx: Connection = context.config.attributes["connection"]
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql("SELECT pg_advisory_xact_lock(6078523214)")
    context.configure(connection=tx, target_metadata=metadata, render_as_batch=tx.dialect.name == "sqlite")
    with context.begin_transaction():
        context.run_migrations()


run()
