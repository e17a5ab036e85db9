"""Alembic's entry: runs the revisions in the transaction that `upgrade_store` began."""

from alembic import context
from sqlalchemy import Connection

from order_store.schema import metadata


def run() -> None:
    """Run the migrations."""
    tx: Connection = context.config.attributes["connection"]
    context.configure(connection=tx, target_metadata=metadata, render_as_batch=tx.dialect.name == "sqlite")
    with context.begin_transaction():
        context.run_migrations()


run()
