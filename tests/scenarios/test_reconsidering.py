"""Orders that are allocated and not yet picked: when they move, when they stay, what a refusal leads to."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import func, select

from connectors.contract import Outcome, WriteResult
from order_store.connections import connection_id
from order_store.events import timeline
from order_store.outbox import State as Message
from order_store.outbox import claim, messages, settle
from order_store.picklists import State, StoredPicklist, picklists_of_order
from order_store.schema.fulfilment import routing_decisions, stock_positions
from order_store.schema.orders import order_events
from pipelines.services.dispatch import dispatch
from pipelines.services.outcomes import Settled, follow
from pipelines.services.route import route_orders
from pipelines.services.warehouse import sync_shipments, sync_stock
from tests.scenarios.test_stock_and_routing import SPOON, allocated, ready

OpenStage = Callable[..., Any]


def configured(**lines: str) -> Callable[[str], str]:
    """The sandbox's hub.yaml with more lines in its routing section."""

    def change(config: str) -> str:
        more = "".join(f"  {key}: {value}\n" for key, value in lines.items())
        return config.replace("  split_lines: true", more + "  split_lines: true")

    return change


def parcels(stage: Any, order: Any) -> list[StoredPicklist]:  # noqa: ANN401
    stored = stage.stored(order)
    with stage.hub.store.read() as tx:
        return picklists_of_order(tx, stored.row["id"])


def states(stage: Any, order: Any) -> list[tuple[str, str]]:  # noqa: ANN401
    return [(one.warehouse, one.state.value) for one in parcels(stage, order)]


def reserved(stage: Any) -> dict[str, int]:  # noqa: ANN401
    position = stock_positions.c
    query = select(position.warehouse, position.reserved).where(position.sku == SPOON, position.reserved > 0)
    with stage.hub.store.read() as tx:
        return {row.warehouse: row.reserved for row in tx.execute(query)}


def stock_comes(stage: Any, **units: int) -> None:  # noqa: ANN401
    stage.set_stock(SPOON, units)
    stage.wait(minutes=15)
    sync_stock(stage.hub, "tryton-lyon")


def test_an_order_that_was_not_sent_yet_moves_when_stock_comes_nearer(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    (order,) = ready(stage, {"BER": 2}, [[(SPOON, 2)]])
    route_orders(stage.hub)
    assert states(stage, order) == [("BER", "planned")]
    stock_comes(stage, LYS=9, BER=2)
    result = route_orders(stage.hub)
    assert (result.reconsidered, result.moved) == (1, 1)
    assert states(stage, order) == [("BER", "cancelled"), ("LYS", "planned")]
    assert allocated(stage) == {"LYS": 2}
    assert reserved(stage) == {"LYS": 2}
    stored = stage.stored(order)
    with stage.hub.store.read() as tx:
        kept = tx.scalars(
            select(routing_decisions.c.plan)
            .where(routing_decisions.c.order_id == stored.row["id"])
            .order_by(routing_decisions.c.id)
        ).all()
        sent = [(row.operation, row.state.value) for row in messages(tx, order_id=stored.row["id"])]
    assert sent == [("push_picklist", "superseded"), ("push_picklist", "pending")]
    assert msgspec.json.decode(kept[-1])["reasons"][2].startswith("moved from where it stood: it saves ")
    again = route_orders(stage.hub)
    assert (again.moved, states(stage, order)[-1]) == (0, ("LYS", "planned"))


def test_an_order_stays_where_a_move_saves_too_little(open_stage: OpenStage) -> None:
    dear = configured(reconsider='{ saving: "30.00" }')
    stage = open_stage("shopify-eu", "tryton-lyon", config=dear)
    (order,) = ready(stage, {"BER": 2}, [[(SPOON, 2)]])
    route_orders(stage.hub)
    stock_comes(stage, LYS=9, BER=2)
    assert route_orders(stage.hub).moved == 0
    assert states(stage, order) == [("BER", "planned")]


def test_who_waits_takes_nothing_that_another_was_given(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    orders = ready(stage, {"BER": 1}, [[(SPOON, 1)], [(SPOON, 1)], [(SPOON, 1)]])
    route_orders(stage.hub)
    before = [states(stage, order) for order in orders]
    assert sorted(before) == [[], [], [("BER", "planned")]]
    for _ in range(2):
        assert route_orders(stage.hub).moved == 0
        assert [states(stage, order) for order in orders] == before


def test_nothing_moves_after_the_cut_off(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    (order,) = ready(stage, {"BER": 2}, [[(SPOON, 2)]])
    route_orders(stage.hub)
    stage.wait(hours=24)
    stock_comes(stage, LYS=9, BER=2)
    assert route_orders(stage.hub).reconsidered == 0
    assert states(stage, order) == [("BER", "planned")]


def test_what_was_sent_stays_unless_the_policy_says_otherwise(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    (order,) = ready(stage, {"BER": 2}, [[(SPOON, 2)]])
    route_orders(stage.hub)
    dispatch(stage.hub, "tryton-lyon")
    stock_comes(stage, LYS=9, BER=2)
    assert route_orders(stage.hub).reconsidered == 0
    assert states(stage, order) == [("BER", "accepted")]


def test_what_was_sent_moves_only_after_its_wms_has_cancelled(open_stage: OpenStage) -> None:
    eager = configured(reconsider='{ saving: "1.00", saving_after_sending: "1.00" }')
    stage = open_stage("shopify-eu", "tryton-lyon", config=eager)
    (order,) = ready(stage, {"BER": 2}, [[(SPOON, 2)]])
    route_orders(stage.hub)
    dispatch(stage.hub, "tryton-lyon")
    stock_comes(stage, LYS=9, BER=2)
    assert route_orders(stage.hub).moved == 1
    assert states(stage, order) == [("BER", "cancelling")]
    assert allocated(stage) == {"BER": 2}
    dispatch(stage.hub, "tryton-lyon")
    assert (states(stage, order), allocated(stage)) == ([("BER", "cancelled")], {})
    route_orders(stage.hub)
    assert states(stage, order) == [("BER", "cancelled"), ("LYS", "planned")]
    assert not any(one.intercept for one in parcels(stage, order))


def test_a_wms_that_refuses_a_move_keeps_the_parcel_and_nobody_is_called(open_stage: OpenStage) -> None:
    eager = configured(reconsider='{ saving: "1.00", saving_after_sending: "1.00" }')
    stage = open_stage("shopify-eu", "tryton-lyon", config=eager)
    (order,) = ready(stage, {"BER": 2}, [[(SPOON, 2)]])
    route_orders(stage.hub)
    dispatch(stage.hub, "tryton-lyon")
    stock_comes(stage, LYS=9, BER=2)
    assert route_orders(stage.hub).moved == 1
    (picklist,) = parcels(stage, order)
    pick(stage, picklist)
    dispatch(stage.hub, "tryton-lyon")
    sync_shipments(stage.hub, "tryton-lyon")
    (kept,) = parcels(stage, order)
    assert kept.state not in (State.CANCELLED, State.CANCELLING)
    assert not kept.intercept
    stored = stage.stored(order)
    with stage.hub.store.read() as tx:
        assert "move_refused" in [one.kind for one in timeline(tx, stored.row["id"])]
    assert route_orders(stage.hub).reconsidered == 0


def pick(stage: Any, picklist: StoredPicklist) -> None:  # noqa: ANN401
    """Somebody at the warehouse picks it before the wish to cancel arrives."""
    (shipment,) = [
        one for one in stage.world.shipments_of("tryton-lyon") if one.reference == picklist.reference
    ]
    stage.world.set_state(shipment, "picked")


def test_a_line_that_waits_too_long_is_proposed_for_cancellation_once(open_stage: OpenStage) -> None:
    patient = configured(cancel_after_days="{ default: 3 }")
    stage = open_stage("shopify-eu", "tryton-lyon", config=patient)
    (order,) = ready(stage, {}, [[(SPOON, 1)]])
    assert route_orders(stage.hub).cancellations_proposed == 0
    stage.wait(days=3, minutes=1)
    assert route_orders(stage.hub).cancellations_proposed == 1
    assert route_orders(stage.hub).cancellations_proposed == 0
    with stage.hub.store.read() as tx:
        proposed = order_events.c.kind == "cancellation_proposed"
        kinds = tx.scalar(select(func.count()).select_from(order_events).where(proposed))
    assert kinds == 1
    assert stage.stored(order).row["status"] == "backordered"


def refused(stage: Any) -> None:  # noqa: ANN401
    """The WMS answers the push of the only picklist with a refusal."""
    now = stage.hub.clock.now()
    with stage.hub.store.begin() as tx:
        wms = connection_id(tx, "tryton-lyon")
        (row,) = claim(tx, wms, "test", now, timedelta(minutes=10), 10)
        settle(tx, row, Message.REJECTED, now=now, reason="unknown product")
        answer = WriteResult(Outcome.REJECTED, reason="unknown product")
        follow(tx, Settled(row, answer, "tryton-lyon", None, now))


def test_what_a_wms_refuses_goes_elsewhere_where_the_policy_says_so(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon", config=configured(after_rejection="elsewhere"))
    (order,) = ready(stage, {"LYS": 9, "BER": 9}, [[(SPOON, 2)]])
    route_orders(stage.hub)
    assert states(stage, order) == [("LYS", "planned")]
    refused(stage)
    assert route_orders(stage.hub).refused == 1
    assert states(stage, order) == [("LYS", "cancelled"), ("BER", "planned")]
    assert reserved(stage) == {"BER": 2}
    refused(stage)
    route_orders(stage.hub)
    assert stage.stored(order).row["status"] == "backordered", "all have refused it"
    stage.wait(days=1, minutes=1)
    route_orders(stage.hub)
    assert stage.stored(order).row["status"] == "allocated", "a day later they are asked again"


def test_what_a_wms_refuses_waits_for_a_person_otherwise(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    (order,) = ready(stage, {"LYS": 9, "BER": 9}, [[(SPOON, 2)]])
    route_orders(stage.hub)
    refused(stage)
    assert route_orders(stage.hub).refused == 0
    assert states(stage, order) == [("LYS", "exception")]
