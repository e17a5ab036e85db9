from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.faults.crash.databases import Databases, Postgres, Sqlite
from tests.faults.crash.merchants import EAST, WEST, Merchant
from tests.faults.crash.trials import Theatre
from tests.postgres import running_postgres

OpenTheatre = Callable[[Merchant, str], Theatre]


@pytest.fixture(scope="session")
def open_theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenTheatre]:
    """A merchant's play on a kind of database, rehearsed once in a session."""
    folder = tmp_path_factory.mktemp("crash")
    with ExitStack() as stack:
        kinds: dict[str, Databases] = {}
        rehearsed: dict[tuple[str, str], Theatre] = {}

        def kind(name: str) -> Databases:
            if name not in kinds:
                server = stack.enter_context(running_postgres()) if name == "postgresql" else None
                kinds[name] = Postgres(server) if server else Sqlite()
            return kinds[name]

        def opened(merchant: Merchant, database: str) -> Theatre:
            key = (merchant.name, database)
            if key not in rehearsed:
                rehearsed[key] = Theatre(folder, merchant, kind(database))
                rehearsed[key].rehearse()
            return rehearsed[key]

        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def theatres(request: pytest.FixtureRequest, open_theatre: OpenTheatre) -> dict[str, Theatre]:
    """Both merchants' plays, on each kind of database."""
    return {one.name: open_theatre(one, request.param) for one in (WEST, EAST)}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Two trials at a time: each has a process of its own."""
    with ThreadPoolExecutor(2) as executor:
        yield executor
