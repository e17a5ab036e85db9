import sqlite3
from contextlib import closing
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text

from order_store.connections import register_connection
from order_store.engine import open_store
from order_store.migrations import upgrade
from order_store.schema import metadata
from order_store.schema.reading import connections
from order_store.views import view_definitions


def test_an_upgraded_database_is_what_the_tables_say(empty_url: str) -> None:
    upgrade(empty_url)
    store = open_store(empty_url)
    with store.read() as tx:
        differences = compare_metadata(MigrationContext.configure(tx), metadata)
        assert differences == []
        assert set(inspect(tx).get_view_names()) == set(view_definitions())
        for view in view_definitions():
            assert tx.execute(text(f"SELECT * FROM {view}")).all() == []
    store.close()


def test_upgrading_again_keeps_what_is_there(empty_url: str) -> None:
    upgrade(empty_url)
    store = open_store(empty_url)
    with store.begin() as tx:
        register_connection(tx, "shop", "woocommerce", "channel")
    upgrade(empty_url)
    with store.read() as tx:
        assert list(tx.scalars(select(connections.c.name))) == ["shop"]
    store.close()


def test_migrations_and_tables_make_the_same_sqlite_database(tmp_path: Path) -> None:
    """Also where Alembic's comparison does not look: clustering, generated columns, partial indexes."""
    upgrade(f"sqlite:///{tmp_path / 'upgraded.db'}")
    made = open_store(f"sqlite:///{tmp_path / 'made.db'}")
    made.create_all()
    made.close()
    assert _statements(tmp_path / "upgraded.db") == _statements(tmp_path / "made.db")


def _statements(path: Path) -> dict[str, set[str]]:
    """The parts of each table's and index's definition; Alembic writes constraints in another sequence."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type <> 'view' AND sql NOT LIKE '%alembic_version%'"
        ).fetchall()
    return {
        name: {
            line.strip(" \t,")
            for line in sql.replace("CREATE ", "\n")
            .replace(", ", "\n")
            .splitlines()  # ADD COLUMN breaks no line
            if line.strip()
        }
        for name, sql in rows
    }
