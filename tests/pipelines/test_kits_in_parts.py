"""A warehouse sends a part of a kit and ends its picklist: people hear of it, and nothing is sent twice."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from normalization.records import PickedLine, Version, WmsParcel, WmsShipment
from normalization.statuses import WmsState
from pipelines.services.balance import BalanceResult, balance_books
from pipelines.services.dispatch import dispatch
from pipelines.services.doctor import examine
from pipelines.services.findings import Finding
from pipelines.services.kits import REMEDY, KitInParts, kits_in_parts
from pipelines.services.route import route_orders

OpenDesk = Callable[..., Any]
CHANNEL, WMS, SITE = "shopify-eu", "tryton-lyon", "LYS"
KIT, TEA, CUP, SUGAR = "KIT-BREAKFAST", "TEA-ASSAM-100", "CUP-GLAZE-BLUE", "SUGAR-CANE-CUBES"
SPOON = "SPOON-BRASS"
WHOLE = {TEA: 1, CUP: 2, SUGAR: 1}


def told_of(open_desk: OpenDesk, state: WmsState, left: Mapping[str, int]) -> tuple[Any, Any]:
    """Two kits and a spoon are ordered and asked for; the WMS has sent so much in one parcel."""
    desk = open_desk(CHANNEL, WMS)
    order = desk.place(CHANNEL, (KIT, 2), (SPOON, 1))
    picklist = desk.picklist(desk.allocate(order, SITE))
    dispatch(desk.hub, WMS)
    desk.wait(minutes=5)
    now = desk.hub.clock.now()
    contents = tuple(PickedLine(sku=sku, quantity=units) for sku, units in left.items())
    parcel = WmsParcel(parcel_id="A", tracking_number="1Z1", carrier="UPS", lines=contents, shipped_at=now)
    told = WmsShipment(
        connection=WMS,
        reference=picklist.reference,
        wms_id="77",
        state=state,
        wms_status=state.value,
        site=SITE,
        version=Version(revision=now.isoformat(), observed_at=now),
        parcels=(parcel,),
    )
    desk.apply(WMS, told)
    return desk, order


def found(desk: Any) -> list[Finding]:  # noqa: ANN401
    return [one for one in examine(desk.hub, vendors=False) if one.check == "kit_in_parts"]


def kits(desk: Any) -> list[KitInParts]:  # noqa: ANN401
    with desk.hub.store.read() as tx:
        return kits_in_parts(tx)


def test_a_kit_of_which_a_part_has_left_is_named_and_not_sent_again(open_desk: OpenDesk) -> None:
    desk, order = told_of(open_desk, WmsState.SHIPPED, {TEA: 2, CUP: 3, SUGAR: 1, SPOON: 1})
    (finding,) = found(desk)
    assert finding.remedy == REMEDY
    assert f"{order.number} line {order.lines[0].line_id}: 1 units stand as allocated" in finding.what
    assert f"1 {CUP}, 1 {TEA} of the kit has left, 1 {CUP}, 1 {SUGAR} has not" in finding.what
    assert balance_books(desk.hub) == BalanceResult()  # it adds up: nothing is held, KPIs are published
    route_orders(desk.hub)
    assert len(desk.shipments(WMS)) == 1
    assert dispatch(desk.hub, CHANNEL).applied == 1
    assert [order.told_units(line.line_id) for line in order.lines] == [1, 1]
    desk.read(CHANNEL)
    assert found(desk) == [finding]
    desk.world.remove_units(order, order.lines[0].line_id, 1)
    desk.read(CHANNEL)
    assert found(desk) == []
    assert desk.stored(order).row["status"] == "shipped"


@pytest.mark.parametrize(
    ("state", "left"),
    [
        (WmsState.SHIPPED, {sku: 2 * units for sku, units in WHOLE.items()} | {SPOON: 1}),
        (WmsState.SHIPPED, WHOLE),  # of the other kit nothing has left: it is routed again
        (WmsState.PACKED, {TEA: 2, SPOON: 1}),  # the rest may come yet
    ],
    ids=["all", "one", "not ended"],
)
def test_kits_that_are_whole_or_under_way_are_not_named(
    open_desk: OpenDesk, state: WmsState, left: Mapping[str, int]
) -> None:
    desk, _order = told_of(open_desk, state, left)
    assert found(desk) == []


def test_only_the_kit_in_parts_stands_and_the_other_is_allocated_again(open_desk: OpenDesk) -> None:
    desk, order = told_of(open_desk, WmsState.SHIPPED, {CUP: 1, SPOON: 1})
    before = kits(desk)
    assert [(one.order_id, one.units) for one in before] == [(desk.order_id(order), 1)]
    desk.allocate(order, SITE, {0: 1})
    assert kits(desk) == before
