"""Guards of sending, where an answer is lost or comes late: as test_repeated."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import responses
from sqlalchemy import select

from connectors.contract import Json, Outcome, WriteResult
from connectors.errors import AnswerLost
from connectors.http import Answer, Request, Transport
from connectors.wms.shipbob import ShipBob
from connectors.wms.tryton import Tryton
from order_store.outbox import State
from order_store.schema.fulfilment import outbox
from pipelines.services.dispatch import dispatch
from pipelines.services.route import route_orders
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest
from tests.connectors.woocommerce_shop import Shop
from tests.faults.conftest import RecordFault
from tests.faults.crash.plays import OpenStage, both_ways, small_stage
from tests.scenarios.test_stock_and_routing import SPOON, ready

Given = Any
"""What is handed through as it came."""
WMS = "tryton-lyon"


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mounted:
        yield mounted


def test_a_write_is_not_repeated_where_its_answer_was_lost(
    mock: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """It is in doubt, and looked up, instead of being sent again at once."""
    shop = Shop(mock)

    def holds() -> bool:
        (order,) = shop.place(1)
        shop.vendor.faults.switch_on("lost_answer")
        try:
            shop.tell(order)
        except AnswerLost:
            shop.tell(order)
        return [told.tracking_number for told in order.told] == ["1Z999AA10123456784"]

    send = Transport._send_once

    def repeatable(transport: Transport, request: Request, _repeatable: bool) -> Answer:
        return send(transport, request, True)

    both_ways(holds, lambda: monkeypatch.setattr(Transport, "_send_once", repeatable), record_fault)


def test_a_note_is_looked_for_where_a_shop_shows_no_tracking(
    mock: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """The answer to the note was lost."""
    shop = Shop(mock, shipment_tracking=False)

    def holds() -> bool:
        (order,) = shop.place(1)
        shop.vendor.faults.switch_on("lost_answer")
        with pytest.raises(AnswerLost):
            shop.tell(order)
        return (shop.tell(order), len(order.notes_added)) == (Outcome.APPLIED, 1)

    def take_away() -> None:
        monkeypatch.setattr(type(shop.connector), "_note_id", lambda *_given: None)

    both_ways(holds, take_away, record_fault)


def test_a_push_that_shipbob_knows_and_does_not_show_yet_stays_in_doubt(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """Its list is late: what counts as refused would be taken elsewhere, and shipped twice."""

    def holds() -> bool:
        stage = small_stage(open_stage, "shopify-eu", "shipbob-us")
        stage.set_stock(SPOON, {"ORD": 5})
        stage.place("shopify-eu", lines=[(SPOON, 1)])
        stage.wait(minutes=15)
        stage.read("shopify-eu")
        stage.read_stock("shipbob-us")
        assert route_orders(stage.hub).picklists == 1
        stage.sandbox.fault("shipbob-us", "lost_answer")
        stage.sandbox.fault("shipbob-us", "late_visibility", 9)
        for _ in range(2):
            dispatch(stage.hub, "shipbob-us")
            stage.wait(minutes=2)
        stage.sandbox.vendors["shipbob-us"].faults.switch_off("late_visibility")
        dispatch(stage.hub, "shipbob-us")
        with stage.hub.store.read() as tx:
            return bool(tx.scalar(select(outbox.c.state)) == State.APPLIED)

    push = ShipBob._push

    def refused(shipbob: ShipBob, body: Json, reference: str) -> WriteResult:
        try:
            return push(shipbob, body, reference)
        except AnswerLost as error:
            if "does not list it" not in str(error):
                raise
            return WriteResult(Outcome.REJECTED, reason="the reference exists")

    both_ways(holds, lambda: monkeypatch.setattr(ShipBob, "_push", refused), record_fault)


class Slow:
    """A Tryton that shows shipments a while after they were made; the first one's answer is lost."""

    SHOWS = timedelta(seconds=45)

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._loses = True
        self.faults = vendor.faults

    def handle(self, request: VendorRequest) -> VendorAnswer:
        answer = self._vendor.handle(request)
        if not request.path.endswith("/stock.shipment.out"):
            return answer
        if request.method == "POST":
            lost, self._loses = self._loses, False
            return replace(answer, lost=lost)
        world = self._vendor.world
        young = any(world.now - one.created_at < self.SHOWS for one in world.shipments.values())
        return replace(answer, body=b"[]") if young else answer


def test_what_is_in_doubt_is_not_looked_up_before_it_can_show(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    def holds() -> bool:
        stage = small_stage(open_stage, "shopify-eu", WMS)
        ready(stage, {"LYS": 5}, [[(SPOON, 1)]])
        assert route_orders(stage.hub).picklists == 1
        stage.sandbox.vendors[WMS] = Slow(stage.sandbox.vendors[WMS])
        for _ in range(3):
            dispatch(stage.hub, WMS)
            stage.wait(seconds=40)
        return len(stage.world.shipments) == 1

    def take_away() -> None:
        at_once = {name: replace(one, settle=timedelta()) for name, one in Tryton.operations.items()}
        monkeypatch.setattr(Tryton, "operations", at_once)

    both_ways(holds, take_away, record_fault)
