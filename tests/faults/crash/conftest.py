from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from order_store.engine import Store, open_store
from tests.faults.crash.databases import Databases, Postgres, Sqlite
from tests.faults.crash.erasing import Erasing
from tests.faults.crash.merchants import EAST, WEST, Merchant
from tests.faults.crash.trials import Theatre
from tests.scenarios.conftest import open_stage

__all__ = ["open_stage"]

OpenTheatre = Callable[[Merchant, str], Theatre]
OpenErasing = Callable[[str], Erasing]


@pytest.fixture(scope="session")
def open_theatre(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenTheatre:
    """A merchant's play on a kind of database, rehearsed once in a session."""
    folder = tmp_path_factory.mktemp("crash")
    rehearsed: dict[tuple[Merchant, str], Theatre] = {}

    def kind(name: str) -> Databases:
        return Postgres(request.getfixturevalue("postgres_server")) if name == "postgresql" else Sqlite()

    def opened(merchant: Merchant, database: str) -> Theatre:
        key = (merchant, database)
        if key not in rehearsed:
            rehearsed[key] = Theatre(folder, merchant, kind(database))
            rehearsed[key].rehearse()
        return rehearsed[key]

    return opened


@pytest.fixture(scope="session")
def open_erasing(open_theatre: OpenTheatre) -> OpenErasing:
    """The play of erasing on a kind of database, rehearsed once in a session."""
    rehearsed: dict[str, Erasing] = {}

    def opened(database: str) -> Erasing:
        if database not in rehearsed:
            rehearsed[database] = Erasing(open_theatre(WEST, database))
        return rehearsed[database]

    return opened


@pytest.fixture(params=["sqlite", "postgresql"])
def theatres(request: pytest.FixtureRequest, open_theatre: OpenTheatre) -> dict[str, Theatre]:
    """Both merchants' plays, on each kind of database."""
    return {one.name: open_theatre(one, request.param) for one in (WEST, EAST)}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Two trials at a time: each has a process of its own."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store, for plays that need no more of a hub."""
    made = open_store(f"sqlite:///{tmp_path}/hub.db")
    made.create_all()
    yield made
    made.close()
