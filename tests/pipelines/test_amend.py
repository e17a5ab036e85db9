"""Orders that change after they were allocated (S29, S30, S31, S42)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from normalization.records import PickedLine, Version, WmsParcel, WmsShipment
from normalization.statuses import WmsState
from order_store.outbox import State as Message
from order_store.outbox import retry
from order_store.picklists import State
from pipelines.services.amend import AmendResult, amend_orders
from pipelines.services.conservation import RULES, violations
from pipelines.services.dispatch import DispatchResult, dispatch
from sandbox.buyers import move_house
from sandbox.world import ShopOrder

OpenDesk = Callable[..., Any]
SPOON, WHISK = "SPOON-BRASS", "WHISK-BAMBOO"
SHOP = "shopify-eu"
WMSS = [("tryton-lyon", "LYS"), ("shipbob-us", "ORD")]


def line(desk: Any, order: ShopOrder, line_no: int = 0) -> dict[str, Any]:  # noqa: ANN401
    return dict(desk.stored(order).lines[line_no])


def assert_conserved(desk: Any) -> None:  # noqa: ANN401
    with desk.hub.store.read() as tx:
        assert [one for rule in RULES for one in violations(tx, rule)] == []


def cancel(desk: Any, order: ShopOrder) -> None:  # noqa: ANN401
    desk.world.cancel(order)
    desk.read(SHOP)


def remove(desk: Any, order: ShopOrder, units: int, line_no: int = 0) -> None:  # noqa: ANN401
    desk.world.remove_units(order, order.lines[line_no].line_id, units)
    desk.read(SHOP)


@pytest.mark.parametrize(("wms", "warehouse"), WMSS)
def test_s29_ten_ordered_seven_shipped_then_cancelled_three_return_once(
    open_desk: OpenDesk, wms: str, warehouse: str
) -> None:
    desk = open_desk(SHOP, wms)
    order = desk.place(SHOP, (SPOON, 10))
    seven, three = desk.allocate(order, warehouse, {0: 7}), desk.allocate(order, warehouse, {0: 3})
    dispatch(desk.hub, wms)
    desk.ship(wms, desk.picklist(seven).reference, "1Z0001")
    dispatch(desk.hub, SHOP)
    before = desk.reserved(warehouse, SPOON)
    cancel(desk, order)
    assert amend_orders(desk.hub) == AmendResult(orders=1, cancelling=1)
    assert desk.picklist(three).state is State.CANCELLING
    assert desk.reserved(warehouse, SPOON) == before, "free only when the warehouse confirms"
    assert amend_orders(desk.hub) == AmendResult(), "asked once"
    assert dispatch(desk.hub, wms) == DispatchResult(sent=1, applied=1)
    assert desk.picklist(three).state is State.CANCELLED
    assert desk.reserved(warehouse, SPOON) == before - 3
    desk.hear(wms, desk.picklist(three).wms_id)
    amend_orders(desk.hub)
    dispatch(desk.hub, wms)
    assert desk.reserved(warehouse, SPOON) == before - 3, "and once"
    stored = line(desk, order)
    assert (stored["allocated"], stored["shipped"]) == (7, 7)
    assert desk.picklist(seven).state is State.SHIPPED
    assert_conserved(desk)


def test_s29_within_one_picklist(open_desk: OpenDesk) -> None:
    """Seven left in a first parcel, three are still in the warehouse."""
    desk = open_desk(SHOP, "shipbob-us")
    order = desk.place(SHOP, (SPOON, 10))
    picklist_id = desk.allocate(order, "ORD")
    dispatch(desk.hub, "shipbob-us")
    picklist = desk.picklist(picklist_id)
    now = desk.hub.clock.now()
    parcel = WmsParcel(
        parcel_id="1",
        tracking_number="1Z0001",
        carrier="UPS",
        lines=(PickedLine(sku=SPOON, quantity=7),),
        shipped_at=now,
    )
    told = WmsShipment(
        connection="shipbob-us",
        reference=picklist.reference,
        wms_id=picklist.wms_id,
        state=WmsState.ACCEPTED,
        wms_status="PartiallyFulfilled",
        site="201",
        version=Version(observed_at=now + timedelta(minutes=1)),
        parcels=(parcel,),
    )
    desk.apply("shipbob-us", told)
    assert line(desk, order)["shipped"] == 7
    before = desk.reserved("ORD", SPOON)
    cancel(desk, order)
    amend_orders(desk.hub)
    assert dispatch(desk.hub, "shipbob-us").applied == 1
    stored = line(desk, order)
    assert (stored["allocated"], stored["shipped"]) == (7, 7)
    assert desk.reserved("ORD", SPOON) == before - 3
    assert_conserved(desk)


def test_s30_what_is_no_longer_wanted_leaves_no_reservation(open_desk: OpenDesk) -> None:
    """Six ordered, four taken back, two shipped."""
    desk = open_desk(SHOP, "tryton-lyon")
    order = desk.place(SHOP, (SPOON, 6))
    picklist_id = desk.allocate(order, "LYS")
    remove(desk, order, 4)
    assert amend_orders(desk.hub) == AmendResult(orders=1, withdrawn=1)
    assert desk.picklist(picklist_id).state is State.CANCELLED
    assert (line(desk, order)["allocated"], desk.reserved("LYS", SPOON)) == (0, 0)
    rest = desk.allocate(order, "LYS", {0: 2})
    dispatch(desk.hub, "tryton-lyon")
    desk.ship("tryton-lyon", desk.picklist(rest).reference, "1Z0001")
    stored = line(desk, order)
    assert (stored["allocated"], stored["shipped"], desk.stored(order).row["status"]) == (2, 2, "shipped")
    assert [one.reference for one in desk.shipments("tryton-lyon")] == [desk.picklist(rest).reference]
    assert_conserved(desk)


@pytest.mark.parametrize(("wms", "warehouse"), WMSS)
def test_s42_one_of_two_cancelled_then_shipped_is_one_everywhere(
    open_desk: OpenDesk, wms: str, warehouse: str
) -> None:
    desk = open_desk(SHOP, wms)
    order = desk.place(SHOP, (SPOON, 2))
    desk.allocate(order, warehouse)
    dispatch(desk.hub, wms)
    remove(desk, order, 1)
    assert amend_orders(desk.hub) == AmendResult(orders=1, cancelling=1)
    dispatch(desk.hub, wms)
    rest = desk.allocate(order, warehouse, {0: 1})
    dispatch(desk.hub, wms)
    desk.ship(wms, desk.picklist(rest).reference, "1Z0001")
    assert dispatch(desk.hub, SHOP) == DispatchResult(sent=1, applied=1)
    stored = line(desk, order)
    assert (stored["allocated"], stored["shipped"], stored["confirmed"]) == (1, 1, 1)
    assert [dict(told.lines) for told in order.told] == [{order.lines[0].line_id: 1}]
    kept = [one for one in desk.shipments(wms) if one.state != "cancelled"]
    assert [one.lines for one in kept] == [[(SPOON, 1)]]
    assert_conserved(desk)


def test_s31_a_warehouse_that_refuses_to_cancel_makes_an_intercept(open_desk: OpenDesk) -> None:
    desk = open_desk(SHOP, "tryton-lyon")
    order = desk.place(SHOP, (SPOON, 2))
    picklist_id = desk.allocate(order, "LYS")
    dispatch(desk.hub, "tryton-lyon")
    desk.world.set_state(desk.shipments("tryton-lyon")[0], "packed")
    cancel(desk, order)
    amend_orders(desk.hub)
    assert dispatch(desk.hub, "tryton-lyon") == DispatchResult(sent=1, rejected=1)
    picklist = desk.picklist(picklist_id)
    assert picklist.intercept
    assert picklist.why is not None
    assert "packed" in picklist.why
    assert line(desk, order)["allocated"] == 2
    assert desk.events(order).count("intercept_needed") == 1
    assert amend_orders(desk.hub) == AmendResult(), "a person has it now"


def test_a_change_that_concerns_no_warehouse_only_moves_the_pin(open_desk: OpenDesk) -> None:
    desk = open_desk(SHOP, "tryton-lyon")
    order = desk.place(SHOP, (SPOON, 2), (WHISK, 1))
    picklist_id = desk.allocate(order, "LYS", {0: 2})
    dispatch(desk.hub, "tryton-lyon")
    remove(desk, order, 1, line_no=1)
    assert amend_orders(desk.hub) == AmendResult(orders=1, kept=1)
    assert desk.picklist(picklist_id).order_revision == desk.stored(order).row["revision"]
    assert amend_orders(desk.hub) == AmendResult()


def test_an_address_that_changes_before_sending_is_the_one_that_is_sent(open_desk: OpenDesk) -> None:
    desk = open_desk(SHOP, "tryton-lyon")
    order = desk.place(SHOP, (SPOON, 1))
    desk.allocate(order, "LYS")
    move_house(desk.world, order)
    desk.read(SHOP)
    assert amend_orders(desk.hub) == AmendResult(orders=1, amending=1)
    assert dispatch(desk.hub, "tryton-lyon") == DispatchResult(sent=1, applied=1)
    assert desk.shipments("tryton-lyon")[0].ship_to["postal_code"] == order.ship_to.postal_code
    assert [row.operation for row in desk.outbox("tryton-lyon")] == ["push_picklist"]


@pytest.mark.parametrize(("wms", "warehouse"), WMSS)
def test_an_address_that_changes_after_sending_is_amended(
    open_desk: OpenDesk, wms: str, warehouse: str
) -> None:
    desk = open_desk(SHOP, wms)
    order = desk.place(SHOP, (SPOON, 1))
    picklist_id = desk.allocate(order, warehouse)
    dispatch(desk.hub, wms)
    move_house(desk.world, order)
    desk.read(SHOP)
    assert amend_orders(desk.hub) == AmendResult(orders=1, amending=1)
    before = desk.picklist(picklist_id).ship_to_digest
    assert dispatch(desk.hub, wms) == DispatchResult(sent=1, applied=1)
    (shipment,) = desk.shipments(wms)
    assert shipment.ship_to["street1"] == order.ship_to.street[0]
    assert desk.picklist(picklist_id).ship_to_digest != before
    assert desk.picklist(picklist_id).state is State.ACCEPTED


def test_an_address_that_changes_while_the_push_is_in_doubt_reaches_the_warehouse(
    open_desk: OpenDesk,
) -> None:
    """The look-up finds a shipment that has the old address, whatever the hub would send now."""
    desk = open_desk(SHOP, "shipbob-us")
    order = desk.place(SHOP, (SPOON, 1))
    desk.allocate(order, "ORD")
    desk.sandbox.fault("shipbob-us", "lost_answer")
    assert dispatch(desk.hub, "shipbob-us").in_doubt == 1
    move_house(desk.world, order)
    desk.read(SHOP)
    assert dispatch(desk.hub, "shipbob-us").applied == 1
    assert amend_orders(desk.hub) == AmendResult(orders=1, amending=1)
    assert dispatch(desk.hub, "shipbob-us").applied == 1
    (shipment,) = desk.shipments("shipbob-us")
    assert shipment.ship_to["street1"] == order.ship_to.street[0]


def test_an_address_that_can_no_longer_be_changed_leads_to_a_cancellation(open_desk: OpenDesk) -> None:
    desk = open_desk(SHOP, "tryton-lyon")
    order = desk.place(SHOP, (SPOON, 1))
    picklist_id = desk.allocate(order, "LYS")
    dispatch(desk.hub, "tryton-lyon")
    desk.world.set_state(desk.shipments("tryton-lyon")[0], "picked")
    move_house(desk.world, order)
    desk.read(SHOP)
    amend_orders(desk.hub)
    done = dispatch(desk.hub, "tryton-lyon")
    assert done == DispatchResult(sent=2, rejected=2)
    operations = [row.operation for row in desk.outbox("tryton-lyon")]
    assert operations == ["push_picklist", "amend_picklist", "cancel_picklist"]
    assert desk.picklist(picklist_id).intercept


def test_an_order_cancelled_before_its_picklist_is_sent_never_reaches_a_warehouse(
    open_desk: OpenDesk,
) -> None:
    desk = open_desk(SHOP, "tryton-lyon")
    order = desk.place(SHOP, (SPOON, 2))
    desk.allocate(order, "LYS")
    cancel(desk, order)
    assert amend_orders(desk.hub) == AmendResult(orders=1, withdrawn=1)
    assert dispatch(desk.hub, "tryton-lyon") == DispatchResult()
    assert [row.state for row in desk.outbox("tryton-lyon")] == [Message.SUPERSEDED]
    assert desk.shipments("tryton-lyon") == []
    assert desk.reserved("LYS", SPOON) == 0


def test_a_cancellation_waits_for_a_push_that_is_in_doubt(open_desk: OpenDesk) -> None:
    desk = open_desk(SHOP, "shipbob-us")
    order = desk.place(SHOP, (SPOON, 2))
    picklist_id = desk.allocate(order, "ORD")
    desk.sandbox.fault("shipbob-us", "lost_answer")
    dispatch(desk.hub, "shipbob-us")
    cancel(desk, order)
    assert amend_orders(desk.hub) == AmendResult(orders=1, cancelling=1)
    assert dispatch(desk.hub, "shipbob-us") == DispatchResult(sent=2, applied=2)
    assert [one.state for one in desk.shipments("shipbob-us")] == ["cancelled"]
    assert desk.picklist(picklist_id).state is State.CANCELLED
    assert desk.reserved("ORD", SPOON) == 0


def test_the_newest_picklists_give_units_back_first(open_desk: OpenDesk) -> None:
    desk = open_desk(SHOP, "tryton-lyon")
    order = desk.place(SHOP, (SPOON, 6))
    made = [desk.allocate(order, "LYS", {0: 2}) for _ in range(3)]
    remove(desk, order, 3)
    assert amend_orders(desk.hub) == AmendResult(orders=1, withdrawn=2, kept=1)
    assert [desk.picklist(one).state for one in made] == [State.PLANNED, State.CANCELLED, State.CANCELLED]
    assert line(desk, order)["allocated"] == 2


def test_a_refused_picklist_of_a_cancelled_order_gives_its_units_back(open_desk: OpenDesk) -> None:
    desk = open_desk(SHOP, "tryton-lyon")
    order = desk.place(SHOP, (SPOON, 2))
    picklist_id = desk.allocate(order, "LYS")
    spoon = desk.world.skus.pop(SPOON)
    assert dispatch(desk.hub, "tryton-lyon").rejected == 1
    desk.world.skus[SPOON] = spoon
    cancel(desk, order)
    assert amend_orders(desk.hub) == AmendResult(orders=1, withdrawn=1)
    assert desk.picklist(picklist_id).state is State.CANCELLED
    assert desk.reserved("LYS", SPOON) == 0
    with desk.hub.store.begin() as tx:
        assert retry(tx, desk.outbox("tryton-lyon")[0].id, desk.hub.clock.now())
    assert dispatch(desk.hub, "tryton-lyon") == DispatchResult()
    assert desk.shipments("tryton-lyon") == [], "not even if somebody has it sent again"


def test_a_parcel_that_leaves_before_the_cancellation_arrives_is_an_intercept(open_desk: OpenDesk) -> None:
    desk = open_desk(SHOP, "tryton-lyon")
    order = desk.place(SHOP, (SPOON, 2))
    picklist_id = desk.allocate(order, "LYS")
    dispatch(desk.hub, "tryton-lyon")
    cancel(desk, order)
    assert amend_orders(desk.hub).cancelling == 1
    desk.ship("tryton-lyon", desk.picklist(picklist_id).reference, "1Z0001")
    assert dispatch(desk.hub, "tryton-lyon").rejected == 1
    picklist = desk.picklist(picklist_id)
    assert (picklist.state, picklist.intercept) == (State.SHIPPED, True)
    assert desk.events(order).count("intercept_needed") == 1
