"""Imported by the process that all hubs of the crash tests are forked from: does once what each would do.

A merchant's first stage is played here, in memory, so that modules are imported and SQL is compiled before
the fork. On SQLite, stores opened after the fork share the engine (not its connections) for what it has
compiled; only the file differs.
"""

import sqlite3
import tempfile
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine

import order_store.engine
from pipelines.hub import open_hub
from pipelines.services.cycle import run_cycle
from sandbox.server import Sandbox
from tests.faults.crash.databases import Sqlite
from tests.faults.crash.merchants import EAST, STAGES, WEST, Merchant, begin, config_of, environ_of


class _Warm:
    """The engine that SQLite stores of one file name share, and the file that it opens next."""

    def __init__(self) -> None:
        self.path = ""
        self.engine = create_engine("sqlite:///warm.db", creator=self._connect)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.dbapi2.connect(self.path, check_same_thread=False)


_warm: dict[str, _Warm] = {}


def _engine(url: URL, **settings: object) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, **settings)  # type: ignore[arg-type]
    name = Path(str(url.database)).name
    if name not in _warm:
        _warm[name] = _Warm()
    _warm[name].path = str(url.database)
    return _warm[name].engine


def warm_up(merchant: Merchant) -> None:
    """Play the first stage of a merchant."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        play = begin(merchant, home / "catalogue")
        STAGES[0].deed(play)
        (home / "hub.yaml").write_text(config_of(merchant), encoding="utf-8")
        with Sandbox(world=play.world, vendors=play.vendors, simulation=play.simulation) as sandbox:
            environ = environ_of(sandbox.url, home, Sqlite().new(home))
            with open_hub(environ["ORDERHUB_CONFIG"], environ) as hub:
                for _ in range(3):
                    run_cycle(hub)
                    play.simulation.live(STAGES[2].lives)
                    hub.clock.sleep(900)


order_store.engine.create_engine = _engine
for one in (WEST, EAST):
    warm_up(one)
