from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, select, text

from order_store.connections import register_connection
from order_store.engine import open_store
from order_store.migrations import upgrade
from order_store.schema import metadata
from order_store.schema.reading import connections
from order_store.views import view_definitions


def test_an_upgraded_database_is_what_the_tables_say(store_url: str) -> None:
    upgrade(store_url)
    store = open_store(store_url)
    with store.read() as tx:
        differences = compare_metadata(MigrationContext.configure(tx), metadata)
        assert differences == []
        assert set(inspect(tx).get_view_names()) == set(view_definitions())
        for view in view_definitions():
            assert tx.execute(text(f"SELECT * FROM {view}")).all() == []
    store.close()


def test_upgrading_again_keeps_what_is_there(store_url: str) -> None:
    upgrade(store_url)
    store = open_store(store_url)
    with store.begin() as tx:
        register_connection(tx, "shop", "woocommerce", "channel")
    upgrade(store_url)
    with store.read() as tx:
        assert list(tx.scalars(select(connections.c.name))) == ["shop"]
    store.close()
