"""The store's schema, revision by revision (Alembic)."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from order_store.engine import Store, open_store
from order_store.views import create_views, drop_views

_FOLDER = Path(__file__).parent
_LOCK = 6078523214
"""PostgreSQL's advisory lock under which two processes that start at once upgrade in turns."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a store to a revision; a new database gets all tables and views.

    Args:
        url: As `order_store.engine.open_store` takes it.
        revision: An Alembic revision.
    """
    store = open_store(url)
    try:
        upgrade_store(store, revision)
    finally:
        store.close()


def upgrade_store(store: Store, revision: str = "head") -> None:
    """`upgrade` for a store that is open. It does nothing where the revision is reached already."""
    with store.read() as tx:
        present = revision_of(tx)
    if revision == "head" and present == _head():
        return
    with store.begin() as tx:
        if not store.is_sqlite:
            tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        upgrade_in(tx, revision)


def upgrade_in(tx: Connection, revision: str = "head") -> None:
    """`upgrade` within a write transaction that does more."""
    config = _config()
    drop_views(tx)
    config.attributes["connection"] = tx
    command.upgrade(config, revision)
    if revision == "head":
        create_views(tx)


def revision_of(tx: Connection) -> str | None:
    """The revision that a database is at; None before the first one."""
    return MigrationContext.configure(tx).get_current_revision()


def is_known(revision: str) -> bool:
    """Whether this version of the hub knows a revision; a later version's it does not."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


@cache
def _head() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
