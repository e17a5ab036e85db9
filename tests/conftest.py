"""For all tests: databases, where each test that needs one runs once on SQLite and once on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.postgres import empty_database, running_postgres

settings.register_profile("untimed", deadline=None)  # no test fails because a machine is slow
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server for this session: the URL of its maintenance database."""
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database."""
    name: str = request.param
    return name


@pytest.fixture
def empty_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if database == "sqlite":
        yield f"sqlite:///{tmp_path / 'hub.db'}"
        return
    with empty_database(request.getfixturevalue("postgres_server")) as url:
        yield url
