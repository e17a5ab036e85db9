"""PostgreSQL ends a transaction for another one's sake: it is done again, and counted once."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text, update

from order_store.engine import Store
from order_store.schema.orders import orders
from pipelines.services.amend import amend_orders
from pipelines.services.dispatch import dispatch
from pipelines.services.route import route_orders
from pipelines.services.storage import storage_trouble
from pipelines.services.track import track_parcels
from pipelines.services.verify import verify_orders
from pipelines.services.warehouse import sync_shipments, sync_stock

OpenDesk = Callable[..., Any]
CHANNEL, WMS, SITE, SPOON = "shopify-eu", "tryton-lyon", "LYS", "SPOON-BRASS"
POSTGRES = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
FAILING = """
CREATE SEQUENCE tries;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') <= {times} THEN
        RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER fails AFTER INSERT OR UPDATE ON {table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail();
"""


def let_fail(store: Store, table: str, times: int = 1) -> None:
    """The next commits that change a table end as in a deadlock. A sequence isn't rolled back with them."""
    with store.begin() as tx:
        tx.exec_driver_sql(FAILING.format(table=table, times=times))


def failed(store: Store) -> bool:
    with store.read() as tx:
        return bool(tx.scalar(text("SELECT last_value > 1 FROM tries")))


@pytest.fixture
def desk(open_desk: OpenDesk) -> Any:  # noqa: ANN401
    return open_desk(CHANNEL, WMS, "ups")


@POSTGRES
def test_stock(desk: Any) -> None:  # noqa: ANN401
    let_fail(desk.hub.store, "stock_positions")
    assert sync_stock(desk.hub, WMS).positions > 0
    assert failed(desk.hub.store)


@POSTGRES
def test_a_page_of_shipments_and_an_answer_of_a_carrier(desk: Any) -> None:  # noqa: ANN401
    desk.allocate(desk.place(CHANNEL, (SPOON, 1)), SITE)
    dispatch(desk.hub, WMS)
    (shipment,) = desk.shipments(WMS)
    desk.world.ship(shipment, "UPS", "1Z00001")
    desk.wait(minutes=1)
    let_fail(desk.hub.store, "parcels")
    read = sync_shipments(desk.hub, WMS)
    assert (read.parcels, read.confirmations, read.updated) == (1, 1, 1)
    assert failed(desk.hub.store)
    with desk.hub.store.begin() as tx:
        tx.exec_driver_sql("ALTER SEQUENCE tries RESTART")
    assert track_parcels(desk.hub, "ups").updated == 1
    assert failed(desk.hub.store)


@POSTGRES
def test_verifying_and_routing(desk: Any) -> None:  # noqa: ANN401
    order = desk.place(CHANNEL, (SPOON, 2))
    sync_stock(desk.hub, WMS)
    with desk.hub.store.begin() as tx:
        tx.execute(update(orders).values(verification="unverified"))
    let_fail(desk.hub.store, "orders")
    judged = verify_orders(desk.hub)
    assert (judged.judged, judged.verified) == (1, 1)
    assert failed(desk.hub.store)
    with desk.hub.store.begin() as tx:
        tx.exec_driver_sql("ALTER SEQUENCE tries RESTART")
    routed = route_orders(desk.hub)
    assert (routed.allocated, routed.picklists, routed.conflicts) == (1, 1, 0)
    assert failed(desk.hub.store)
    assert desk.stored(order).lines[0]["allocated"] == 2


@POSTGRES
def test_amending(desk: Any) -> None:  # noqa: ANN401
    order = desk.place(CHANNEL, (SPOON, 2))
    desk.allocate(order, SITE)
    desk.world.cancel(order)
    desk.read(CHANNEL)
    let_fail(desk.hub.store, "picklists")
    assert amend_orders(desk.hub).withdrawn == 1
    assert failed(desk.hub.store)
    assert desk.stored(order).lines[0]["allocated"] == 0


@POSTGRES
def test_what_fails_again_and_again_is_told_in_its_own_words(desk: Any) -> None:  # noqa: ANN401
    let_fail(desk.hub.store, "stock_positions", times=99)
    with pytest.raises(Exception, match="deadlock detected") as raised:
        sync_stock(desk.hub, WMS)
    told = storage_trouble(raised.value)
    assert told is not None
    assert "another one was in its way" in told
    assert "cannot be reached" not in told
