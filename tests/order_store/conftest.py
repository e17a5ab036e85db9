import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from order_store.connections import register_connection
from order_store.engine import Store, open_store
from order_store.schema import metadata
from tests.postgres import empty_database

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres_store(postgres_server: str) -> Iterator[str]:
    """A database with the tables made, which each test finds empty."""
    with empty_database(postgres_server) as url:
        made = open_store(url)
        made.create_all()
        made.close()
        yield url


@pytest.fixture
def store_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the tables made and nothing in them."""
    if database == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "hub.db")
        return f"sqlite:///{tmp_path / 'hub.db'}"
    url: str = request.getfixturevalue("postgres_store")
    made = open_store(url)
    names = ", ".join(metadata.tables)
    with made.begin() as tx:
        tx.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
    made.close()
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store; once on SQLite, once on PostgreSQL."""
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def shop(store: Store) -> int:
    """The id of a registered channel connection, "shop"."""
    with store.begin() as tx:
        return register_connection(tx, "shop", "woocommerce", "channel")
