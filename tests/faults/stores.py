"""Stores for fault tests: each test runs once on SQLite and once on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import empty_database, running_postgres


@pytest.fixture(scope="session")
def fault_server() -> Iterator[str]:
    """A PostgreSQL server for this session."""
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'orders.db'}"
        return
    with empty_database(request.getfixturevalue("fault_server")) as url:
        yield url
