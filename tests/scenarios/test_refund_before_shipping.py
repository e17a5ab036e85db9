"""Six ordered, four refunded with restock before they were sent, the rest ships (S30)."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from order_store.schema.fulfilment import stock_positions
from pipelines.services.amend import amend_orders
from pipelines.services.dispatch import dispatch
from pipelines.services.route import route_orders
from pipelines.services.warehouse import sync_shipments
from tests.scenarios.test_stock_and_routing import SPOON, allocated, ready


def reserved(stage: Any) -> int:  # noqa: ANN401
    position = stock_positions.c
    with stage.hub.store.read() as tx:
        return sum(tx.scalars(select(position.reserved).where(position.sku == SPOON)))


def test_s30_units_refunded_with_restock_before_shipping_leave_no_reservation(
    open_stage: Callable[..., Any],
) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    (order,) = ready(stage, {"LYS": 9}, [[(SPOON, 6)]])
    route_orders(stage.hub)
    assert (allocated(stage), reserved(stage)) == ({"LYS": 6}, 6)
    refund = stage.world.refund(order, {order.lines[0].line_id: 4}, "unwanted", restock=True)
    stage.wait(minutes=15)
    stage.read("shopify-eu")
    amend_orders(stage.hub)
    route_orders(stage.hub)
    assert (allocated(stage), reserved(stage)) == ({"LYS": 2}, 2)
    dispatch(stage.hub, "tryton-lyon")
    (shipment,) = [one for one in stage.world.shipments_of("tryton-lyon") if one.state != "cancelled"]
    stage.world.ship(shipment, "UPS", "1Z0001")
    stage.wait(minutes=1)
    sync_shipments(stage.hub, "tryton-lyon")
    stored = stage.stored(order)
    (line,) = stored.lines
    assert {name: line[name] for name in ("ordered", "cancelled", "allocated", "shipped", "returned")} == {
        "ordered": 6,
        "cancelled": 4,
        "allocated": 2,
        "shipped": 2,
        "returned": 0,
    }
    assert (stored.row["status"], stored.row["refunded_minor"]) == ("shipped", refund.amount)
    assert (stored.order.returns or ()) == ()
    assert stored.row["total_minor"] == order.total()
    stage.wait(minutes=15)
    stage.read_stock("tryton-lyon")
    assert reserved(stage) == 0
