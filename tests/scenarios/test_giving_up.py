"""Lines that wait for stock for too long: the channel cancels them, and nothing cancelled is shipped."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from order_store.connections import connection_id
from order_store.events import timeline
from order_store.outbox import State, claim, messages, settle
from order_store.schema.orders import order_lines
from pipelines.services.amend import amend_orders
from pipelines.services.dispatch import dispatch
from pipelines.services.doctor_work import work_findings
from pipelines.services.findings import Finding
from pipelines.services.route import route_orders
from pipelines.services.verify import verify_orders
from tests.scenarios.test_reconsidering import configured
from tests.scenarios.test_stock_and_routing import OTHER, SPOON, allocated

OpenStage = Callable[..., Any]
GIVES_UP = configured(cancel_after_days="{ default: 3, at_channel: true }")
COUNTRIES = {"shopify-eu": "FR", "woo-de": "DE", "vendure-us": "US", "amazon-uk": "GB"}
ABOUT = (
    "cancellation_proposed",
    "line_cancellation_asked",
    "line_cancellation_accepted",
    "line_cancellation_refused",
)
CANCELLING = ["shopify-eu", "woo-de", "vendure-us"]


def waiting(stage: Any, channel: str, lines: list[tuple[str, int]]) -> Any:  # noqa: ANN401
    """An order for which the goods are not there, three days after it was routed first."""
    stage.set_stock(SPOON, {})
    order = stage.place(channel, lines=lines, country=COUNTRIES[channel])
    stage.wait(minutes=15)
    stage.read(channel)
    stage.read_stock("tryton-lyon")
    route_orders(stage.hub)
    stage.wait(days=3, minutes=1)
    return order


def told(stage: Any, order: Any) -> list[tuple[str, str]]:  # noqa: ANN401
    """The messages of an order: operation and state."""
    stored = stage.stored(order)
    with stage.hub.store.read() as tx:
        return [(row.operation, row.state.value) for row in messages(tx, order_id=stored.row["id"])]


def kinds(stage: Any, order: Any) -> list[str]:  # noqa: ANN401
    """What happened to an order about cancelling, in turn."""
    stored = stage.stored(order)
    with stage.hub.store.read() as tx:
        return [one.kind for one in timeline(tx, stored.row["id"]) if one.kind in ABOUT]


def units(stage: Any, order: Any) -> list[tuple[int, int, int]]:  # noqa: ANN401
    """Ordered, cancelled and about to be cancelled, line by line."""
    line = order_lines.c
    query = select(line.ordered, line.cancelled, line.cancelling).order_by(line.line_no)
    with stage.hub.store.read() as tx:
        found = tx.execute(query.where(line.order_id == stage.stored(order).row["id"]))
        return [(row.ordered, row.cancelled, row.cancelling) for row in found]


@pytest.mark.parametrize("channel", CANCELLING)
def test_an_order_that_waits_too_long_is_cancelled_at_its_channel(
    open_stage: OpenStage, channel: str
) -> None:
    stage = open_stage(channel, "tryton-lyon", config=GIVES_UP)
    order = waiting(stage, channel, [(SPOON, 2)])
    assert route_orders(stage.hub).cancellations_asked == 1
    assert route_orders(stage.hub).cancellations_asked == 0
    assert units(stage, order) == [(2, 0, 2)]
    stage.set_stock(SPOON, {"LYS": 9, "BER": 9})
    stage.read_stock("tryton-lyon")
    route_orders(stage.hub)
    assert allocated(stage) == {}, "what is about to be cancelled is given to nobody"
    assert dispatch(stage.hub, channel).applied == 1
    stage.wait(minutes=1)
    stage.read(channel)
    assert units(stage, order) == [(2, 2, 0)]
    assert stage.stored(order).row["status"] == "cancelled"
    assert told(stage, order) == [("cancel_lines", "applied")]
    assert kinds(stage, order) == ["line_cancellation_asked", "line_cancellation_accepted"]
    route_orders(stage.hub)
    assert (allocated(stage), told(stage, order)) == ({}, [("cancel_lines", "applied")])


@pytest.mark.parametrize("channel", ["shopify-eu", "vendure-us"])
def test_the_rest_of_an_order_goes_on_where_the_channel_can_cancel_a_part(
    open_stage: OpenStage, channel: str
) -> None:
    stage = open_stage(channel, "tryton-lyon", config=GIVES_UP)
    order = waiting(stage, channel, [(SPOON, 2), (OTHER, 1)])
    assert allocated(stage, OTHER)
    assert route_orders(stage.hub).cancellations_asked == 1
    assert dispatch(stage.hub, channel).applied == 1
    stage.wait(minutes=1)
    stage.read(channel)
    assert sorted(units(stage, order)) == [(1, 0, 0), (2, 2, 0)]
    assert sum(allocated(stage, OTHER).values()) == 1
    assert stage.stored(order).row["status"] == "allocated"


def test_a_channel_that_cannot_cancel_a_part_says_so_and_the_line_waits_again(open_stage: OpenStage) -> None:
    stage = open_stage("woo-de", "tryton-lyon", config=GIVES_UP)
    order = waiting(stage, "woo-de", [(SPOON, 2), (OTHER, 1)])
    assert route_orders(stage.hub).cancellations_asked == 1
    assert dispatch(stage.hub, "woo-de").unsupported == 1
    assert kinds(stage, order) == ["line_cancellation_asked", "line_cancellation_refused"]
    assert route_orders(stage.hub).cancellations_asked == 0
    stage.set_stock(SPOON, {"LYS": 9, "BER": 9})
    stage.read_stock("tryton-lyon")
    route_orders(stage.hub)
    assert sum(allocated(stage).values()) == 2


def test_a_channel_without_a_call_for_it_gets_a_proposal_for_a_person(open_stage: OpenStage) -> None:
    stage = open_stage("amazon-uk", "tryton-lyon", config=GIVES_UP)
    order = waiting(stage, "amazon-uk", [(SPOON, 2)])
    result = route_orders(stage.hub)
    assert (result.cancellations_proposed, result.cancellations_asked) == (1, 0)
    assert (told(stage, order), kinds(stage, order)) == ([], ["cancellation_proposed"])
    assert units(stage, order) == [(2, 0, 0)]


def test_what_was_only_proposed_is_asked_for_once_the_policy_says_so(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon", config=configured(cancel_after_days="{ default: 3 }"))
    order = waiting(stage, "shopify-eu", [(SPOON, 2)])
    assert route_orders(stage.hub).cancellations_proposed == 1
    limits = stage.hub.config.routing.cancel_after_days
    routing = stage.hub.config.routing.model_copy(
        update={"cancel_after_days": limits.model_copy(update={"at_channel": True})}
    )
    hub = replace(stage.hub, config=stage.hub.config.model_copy(update={"routing": routing}))
    assert route_orders(hub).cancellations_asked == 1
    assert kinds(stage, order) == ["cancellation_proposed", "line_cancellation_asked"]


def test_an_order_that_its_buyer_cancels_meanwhile_is_not_cancelled_again(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon", config=GIVES_UP)
    order = waiting(stage, "shopify-eu", [(SPOON, 2)])
    route_orders(stage.hub)
    stage.world.cancel(order)
    stage.wait(minutes=1)
    stage.read("shopify-eu")
    assert units(stage, order) == [(2, 2, 0)]
    dispatch(stage.hub, "shopify-eu")
    assert told(stage, order) == [("cancel_lines", "superseded")]


def test_a_picklist_that_was_cancelled_before_is_another_matter(open_stage: OpenStage) -> None:
    """The buyer took a unit off what a warehouse had; then stock was lost, and the rest waits too long."""
    stage = open_stage("shopify-eu", "tryton-lyon", config=GIVES_UP)
    stage.set_stock(SPOON, {"LYS": 2})
    order = stage.place("shopify-eu", lines=[(SPOON, 2)], country="FR")
    stage.wait(minutes=15)
    stage.read("shopify-eu")
    stage.read_stock("tryton-lyon")
    route_orders(stage.hub)
    dispatch(stage.hub, "tryton-lyon")
    stage.world.remove_units(order, order.lines[0].line_id, 1)
    stage.set_stock(SPOON, {})
    stage.wait(minutes=15)
    stage.read("shopify-eu")
    verify_orders(stage.hub)
    amend_orders(stage.hub)
    assert dispatch(stage.hub, "tryton-lyon").applied == 1
    stage.read_stock("tryton-lyon")
    route_orders(stage.hub)
    assert stage.stored(order).row["status"] == "backordered"
    stage.wait(days=3, minutes=1)
    stage.set_stock(SPOON, {})
    stage.read_stock("tryton-lyon")
    assert route_orders(stage.hub).cancellations_asked == 1
    assert units(stage, order) == [(2, 1, 1)]


def test_the_doctor_names_what_a_channel_said_and_does_not_show(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon", config=GIVES_UP)
    order = waiting(stage, "shopify-eu", [(SPOON, 2)])
    route_orders(stage.hub)
    with stage.hub.store.begin() as tx:
        now = stage.clock.now()
        shop = connection_id(tx, "shopify-eu")
        (row,) = claim(tx, shop, "somebody", now, timedelta(minutes=9), 9)
        settle(tx, row, State.APPLIED, now=now)

    def withheld() -> list[Finding]:
        return [one for one in work_findings(stage.hub) if one.check == "withheld"]

    assert withheld() == []
    stage.wait(hours=3)
    (found,) = withheld()
    assert (found.record, found.what.split()[0]) == (f"order {order.number}", "2")
    assert found.repair
    found.repair(stage.hub)
    assert (withheld(), units(stage, order)) == ([], [(2, 0, 0)])
    assert kinds(stage, order) == ["line_cancellation_asked", "line_cancellation_refused"]
