from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from order_store.connections import register_connection
from order_store.engine import Store, open_store
from tests.postgres import empty_database, running_postgres

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'hub.db'}"
        return
    with empty_database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store with the tables made; once on SQLite, once on PostgreSQL."""
    opened = open_store(store_url)
    opened.create_all()
    yield opened
    opened.close()


@pytest.fixture
def shop(store: Store) -> int:
    """The id of a registered channel connection, "shop"."""
    with store.begin() as tx:
        return register_connection(tx, "shop", "woocommerce", "channel")
