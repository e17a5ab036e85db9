"""What changes between plan and commit: full days, other orders, another process (S23, S28)."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from order_store.allocations import OrderDecision, PlannedLine, PlannedParcel, commit_decision
from order_store.connections import connection_id
from order_store.leases import acquire_lease
from order_store.picklists import State
from order_store.schema.fulfilment import picklists
from order_store.schema.orders import order_lines
from pipelines.services.dispatch import dispatch
from pipelines.services.route import ROUNDS, route_orders
from pipelines.services.warehouse import sync_shipments
from tests.scenarios.test_reconsidering import configured, parcels, pick, states, stock_comes
from tests.scenarios.test_stock_and_routing import OTHER, SPOON, allocated, ready
from warehouse_routing.plan import Plan

OpenStage = Callable[..., Any]


class Meanwhile(list[Plan]):
    """Lets something happen each time that a plan is made and not yet committed."""

    def __init__(self, happens: Callable[[int], None]) -> None:
        super().__init__()
        self._happens = happens

    def append(self, decided: Plan) -> None:
        super().append(decided)
        self._happens(len(self))


def one_a_day_in_berlin(config: str) -> str:
    eager = configured(reconsider='{ saving: "1.00", saving_after_sending: "1.00" }')
    return eager(config).replace("parcels_per_day: 200\n    wms: { connection: tryton", ONE_A_DAY)


ONE_A_DAY = "parcels_per_day: 1\n    wms: { connection: tryton"


def given_to_berlin(stage: Any) -> list[str]:  # noqa: ANN401
    """The days of the parcels that it has to pack."""
    query = select(picklists.c.dispatch_date).where(
        picklists.c.warehouse == "BER", picklists.c.state != State.CANCELLED
    )
    with stage.hub.store.read() as tx:
        return sorted(tx.scalars(query))


def test_s28_a_place_that_a_wms_may_not_give_up_is_not_given_away(open_stage: OpenStage) -> None:
    """The first order should move to Lyon so that the second has its place; it is picked before that."""
    stage = open_stage("shopify-eu", "tryton-lyon", config=one_a_day_in_berlin)
    (first,) = ready(stage, {"BER": 2}, [[(SPOON, 2)]])
    route_orders(stage.hub)
    dispatch(stage.hub, "tryton-lyon")
    stage.set_stock(OTHER, {"BER": 5})
    stock_comes(stage, LYS=9, BER=2)
    second = stage.place("shopify-eu", lines=[(OTHER, 1)], country="DE")
    stage.wait(minutes=15)
    stage.read("shopify-eu")
    result = route_orders(stage.hub)
    assert (result.moved, result.conflicts, states(stage, first)) == (1, 1, [("BER", "cancelling")])
    assert (len(given_to_berlin(stage)), stage.stored(second).row["status"]) == (1, "backordered")
    pick(stage, parcels(stage, first)[0])
    dispatch(stage.hub, "tryton-lyon")
    sync_shipments(stage.hub, "tryton-lyon")
    route_orders(stage.hub)
    assert [one.warehouse for one in parcels(stage, first)] == ["BER"]
    assert len(given_to_berlin(stage)) == 1
    stage.wait(days=1)
    route_orders(stage.hub)
    assert stage.stored(second).row["status"] == "allocated"
    days = given_to_berlin(stage)
    assert (len(days), len(set(days))) == (2, 2)


def test_an_order_that_changes_between_plan_and_commit_is_routed_again_alone(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    changed, other, third = ready(stage, {"LYS": 9}, [[(SPOON, 3)], [(SPOON, 1)], [(SPOON, 1)]])
    seen = Meanwhile(lambda count: fewer(stage, changed) if count == 1 else None)
    result = route_orders(stage.hub, seen)
    assert (result.orders, result.conflicts, result.allocated, result.picklists) == (3, 1, 3, 3)
    assert [len(one.orders) for one in seen] == [3, 1]
    assert seen[1].orders[0].order_id == stage.stored(changed).row["id"]
    assert [states(stage, one) for one in (changed, other, third)] == [[("LYS", "planned")]] * 3
    assert [line.units for line in parcels(stage, changed)[0].lines] == [2]
    assert allocated(stage) == {"LYS": 4}


def test_where_a_rival_took_the_last_unit_meanwhile_it_comes_from_elsewhere(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    late, other, rival = ready(stage, {"LYS": 2, "BER": 5}, [[(SPOON, 1)], [(SPOON, 1)], [(SPOON, 1)]])
    hold(stage, rival)
    seen = Meanwhile(lambda count: take_the_last(stage, rival) if count == 1 else None)
    result = route_orders(stage.hub, seen)
    assert (result.orders, result.conflicts, result.allocated) == (2, 1, 2)
    assert [len(one.orders) for one in seen] == [2, 1]
    assert allocated(stage) == {"LYS": 2, "BER": 1}
    sites = [[one.warehouse for one in parcels(stage, order)] for order in (late, other, rival)]
    assert sorted(sites) == [["BER"], ["LYS"], ["LYS"]]
    assert sites[2] == ["LYS"]


def test_an_order_that_changes_with_every_plan_waits_for_the_next_run(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    restless, other = ready(stage, {"LYS": 99}, [[(SPOON, 9)], [(SPOON, 1)]])
    result = route_orders(stage.hub, Meanwhile(lambda _: fewer(stage, restless)))
    assert (result.conflicts, result.allocated) == (ROUNDS, 1)
    assert (states(stage, restless), states(stage, other)) == ([], [("LYS", "planned")])
    assert route_orders(stage.hub).conflicts == 0
    assert [line.units for line in parcels(stage, restless)[0].lines] == [9 - ROUNDS]


def test_a_plan_that_takes_its_whole_time_limit_keeps_other_processes_out(open_stage: OpenStage) -> None:
    patient = configured(time_limit_seconds="1200")
    stage = open_stage("shopify-eu", "tryton-lyon", config=patient)
    (order,) = ready(stage, {"LYS": 1}, [[(SPOON, 1)]])
    rivals = []
    result = route_orders(stage.hub, Meanwhile(lambda _: rivals.append(rival_after(stage, minutes=20))))
    assert rivals == [False]
    assert (result.skipped, states(stage, order)) == (None, [("LYS", "planned")])


@pytest.mark.parametrize("rival", [False, True])
def test_a_plan_that_took_longer_than_the_right_to_route_is_carried_out_all_the_same(
    open_stage: OpenStage, rival: bool
) -> None:
    """Else nobody would ever route where every plan takes so long."""
    stage = open_stage("shopify-eu", "tryton-lyon")
    (order,) = ready(stage, {"LYS": 1}, [[(SPOON, 1)]])

    def happens(_: int) -> None:
        stage.clock.sleep(3600)
        assert not rival or rival_after(stage, minutes=0)

    result = route_orders(stage.hub, Meanwhile(happens))
    assert (result.skipped, result.allocated) == (None, 1)
    assert states(stage, order) == [("LYS", "planned")]


def test_what_was_planned_for_a_day_that_is_over_is_planned_again(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    (order,) = ready(stage, {"LYS": 1}, [[(SPOON, 1)]])
    began = stage.clock.now()

    def happens(number: int) -> None:
        if number == 1:
            stage.clock.sleep(24 * 3600)

    result = route_orders(stage.hub, Meanwhile(happens))
    assert (result.conflicts, result.allocated) == (1, 1)
    (picklist,) = parcels(stage, order)
    assert date.fromisoformat(picklist.dispatch_date) > began.date()


def rival_after(stage: Any, minutes: int) -> bool:  # noqa: ANN401
    """Whether another process may route now."""
    stage.clock.sleep(60 * minutes)
    with stage.hub.store.begin() as tx:
        return acquire_lease(tx, "route", "rival", stage.clock.now(), timedelta(minutes=5)) is not None


def fewer(stage: Any, order: Any) -> None:  # noqa: ANN401
    """The buyer takes one unit back, and the hub reads of it."""
    stage.world.remove_units(order, order.lines[0].line_id, 1)
    stage.wait(minutes=1)
    stage.read("shopify-eu")


def hold(stage: Any, order: Any) -> None:  # noqa: ANN401
    """Keep routing from an order."""
    set_verification(stage, order, "held")


def set_verification(stage: Any, order: Any, word: str) -> None:  # noqa: ANN401
    with stage.hub.store.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE orders SET verification = ? WHERE id = ?", (word, stage.stored(order).row["id"])
        )


def take_the_last(stage: Any, order: Any) -> None:  # noqa: ANN401
    """Another process gives an order one of Lyon's units."""
    set_verification(stage, order, "verified")
    stored = stage.stored(order)
    with stage.hub.store.begin() as tx:
        wms = connection_id(tx, "tryton-lyon")
        line_no = tx.execute(
            select(order_lines.c.line_no).where(order_lines.c.order_id == stored.row["id"])
        ).scalar_one()
        line = PlannedLine(line_no, 1, ((SPOON, 1),))
        parcel = PlannedParcel("LYS", wms, "LYS", "2026-11-02", None, "", (line,))
        decision = OrderDecision(stored.row["id"], stored.row["revision"], (parcel,), {})
        commit_decision(tx, decision, stage.clock.now())
