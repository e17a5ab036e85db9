"""Sending: whatever happens between the hub and a vendor, a thing is done once (S35, S38, S44, S48)."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import update

from connectors.errors import CredentialsRejected
from order_store.connections import connection_id
from order_store.outbox import State as Message
from order_store.outbox import claim, retry, settle
from order_store.picklists import State
from order_store.schema.fulfilment import picklists
from pipelines.services.bodies import body_of
from pipelines.services.dispatch import DispatchResult, dispatch
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest

OpenDesk = Callable[..., Any]
SPOON, WHISK = "SPOON-BRASS", "WHISK-BAMBOO"
WMSS = [("tryton-lyon", "LYS"), ("shipbob-us", "ORD")]
ROOT = Path(__file__).resolve().parents[2]
DISPATCH = """
import sys
from pipelines.hub import open_hub
from pipelines.services.dispatch import dispatch
with open_hub() as hub:
    dispatch(hub, sys.argv[1])
"""


def ready(open_desk: OpenDesk, wms: str, warehouse: str) -> tuple[Any, Any, int]:
    """A desk, an order, and its picklist that is to be sent."""
    desk = open_desk("shopify-eu", wms)
    order = desk.place("shopify-eu", (SPOON, 2), (WHISK, 1))
    return desk, order, desk.allocate(order, warehouse)


def test_tryton_is_told_the_day_on_which_it_is_planned_to_leave_not_the_last_that_would_do(
    open_desk: OpenDesk,
) -> None:
    desk, _order, picklist_id = ready(open_desk, "tryton-lyon", "LYS")
    (message,) = desk.outbox("tryton-lyon")
    planned = desk.picklist(picklist_id)
    assert planned.dispatch_due_at.date().isoformat() > planned.dispatch_date
    with desk.hub.store.read() as tx:
        told = body_of(tx, "tryton", message).body["planned_date"]
    assert f"{told['year']}-{told['month']:02}-{told['day']:02}" == planned.dispatch_date


@pytest.mark.parametrize(("wms", "warehouse"), WMSS)
def test_a_picklist_arrives_with_its_units_and_address(open_desk: OpenDesk, wms: str, warehouse: str) -> None:
    desk, order, picklist_id = ready(open_desk, wms, warehouse)
    assert dispatch(desk.hub, wms) == DispatchResult(sent=1, applied=1)
    (shipment,) = desk.shipments(wms)
    picklist = desk.picklist(picklist_id)
    assert shipment.reference == picklist.reference
    assert sorted(shipment.lines) == [(SPOON, 2), (WHISK, 1)]
    assert shipment.ship_to["city"] == order.ship_to.city
    assert (picklist.state, picklist.wms_id) == (State.ACCEPTED, shipment.wms_id)
    assert picklist.accepted_at is not None
    assert desk.events(order)[-1] == "picklist_accepted"
    assert dispatch(desk.hub, wms) == DispatchResult()


@pytest.mark.parametrize(("wms", "warehouse"), WMSS)
def test_s35_the_answer_is_lost_and_one_shipment_exists(
    open_desk: OpenDesk, wms: str, warehouse: str
) -> None:
    desk, _order, picklist_id = ready(open_desk, wms, warehouse)
    desk.sandbox.fault(wms, "lost_answer")
    assert dispatch(desk.hub, wms) == DispatchResult(sent=1, in_doubt=1)
    assert dispatch(desk.hub, wms) == DispatchResult(), "it is not looked for before it can show"
    desk.wait(minutes=2)
    assert dispatch(desk.hub, wms) == DispatchResult(sent=1, applied=1)
    assert len(desk.shipments(wms)) == 1
    assert desk.picklist(picklist_id).wms_id == desk.shipments(wms)[0].wms_id


@pytest.mark.parametrize(("wms", "warehouse"), WMSS)
def test_a_push_that_never_arrived_is_sent_again(open_desk: OpenDesk, wms: str, warehouse: str) -> None:
    desk, _order, picklist_id = ready(open_desk, wms, warehouse)
    desk.sandbox.fault(wms, "server_error", 99)
    done = dispatch(desk.hub, wms)
    assert done.sent == 1
    assert done.applied == 0
    desk.sandbox.vendors[wms].faults.switch_off("server_error")
    desk.wait(minutes=2)
    assert dispatch(desk.hub, wms) == DispatchResult(sent=1, applied=1)
    assert len(desk.shipments(wms)) == 1
    assert desk.picklist(picklist_id).state is State.ACCEPTED


class Assassin:
    """A vendor that does what it is asked, and whose caller is killed before the answer leaves."""

    def __init__(self, vendor: Vendor, strikes: Callable[[VendorRequest], bool]) -> None:
        self._vendor = vendor
        self._strikes = strikes
        self.started = Event()
        self.victim: int | None = None
        self.faults = vendor.faults

    def handle(self, request: VendorRequest) -> VendorAnswer:
        answer = self._vendor.handle(request)
        if self.victim is not None and self._strikes(request):
            self.started.wait(60)
            os.kill(self.victim, signal.SIGKILL)
            self.victim = None
        return answer


@pytest.mark.parametrize(
    ("wms", "warehouse", "path"),
    [("tryton-lyon", "LYS", "/stock.shipment.out"), ("shipbob-us", "ORD", "/order")],
)
def test_s48_a_sender_killed_after_the_call_leaves_one_shipment(
    open_desk: OpenDesk, wms: str, warehouse: str, path: str
) -> None:
    """S44 too: the next run resumes by itself."""
    desk, _order, picklist_id = ready(open_desk, wms, warehouse)
    vendor = desk.sandbox.vendors[wms]
    assassin = Assassin(vendor, lambda request: request.method == "POST" and request.path.endswith(path))
    desk.sandbox.vendors[wms] = assassin
    command = [sys.executable, "-c", DISPATCH, wms]
    with subprocess.Popen(command, env=dict(os.environ) | desk.environ, cwd=ROOT) as process:
        assassin.victim = process.pid
        assassin.started.set()
        process.wait(60)
    assert process.returncode == -signal.SIGKILL
    assert len(desk.shipments(wms)) == 1
    assert [row.state for row in desk.outbox(wms)] == [Message.CLAIMED]
    assert dispatch(desk.hub, wms) == DispatchResult(), "its lease still runs"
    desk.wait(minutes=12)
    assert dispatch(desk.hub, wms) == DispatchResult(sent=1, applied=1)
    (shipment,) = desk.shipments(wms)
    assert desk.picklist(picklist_id).wms_id == shipment.wms_id
    assert shipment.state == "assigned", "a push that stopped half-way goes on where it stopped"
    assert dispatch(desk.hub, wms) == DispatchResult()


def test_a_late_sender_records_nothing(open_desk: OpenDesk) -> None:
    desk, _order, picklist_id = ready(open_desk, "tryton-lyon", "LYS")
    with desk.hub.store.begin() as tx:
        (row,) = claim(
            tx, connection_id(tx, "tryton-lyon"), "late", desk.hub.clock.now(), timedelta(minutes=1), 9
        )
    desk.wait(minutes=5)
    assert dispatch(desk.hub, "tryton-lyon").applied == 1
    with desk.hub.store.begin() as tx:
        assert not settle(tx, row, Message.REJECTED, now=desk.hub.clock.now(), reason="too late")
    assert desk.picklist(picklist_id).state is State.ACCEPTED


class Sluggish:
    """A vendor that answers its first question only when something else has happened."""

    def __init__(self, vendor: Vendor, meanwhile: Callable[[], None]) -> None:
        self._vendor = vendor
        self._meanwhile = [meanwhile]
        self.faults = vendor.faults

    def handle(self, request: VendorRequest) -> VendorAnswer:
        answer = self._vendor.handle(request)
        if self._meanwhile:
            self._meanwhile.pop()()
        return answer


def test_s48_a_sender_that_outlives_its_claim_sends_nothing_twice(
    open_desk: OpenDesk,
) -> None:
    """It was told that there is no such shipment, and was about to make it."""
    desk, _order, picklist_id = ready(open_desk, "tryton-lyon", "LYS")
    vendor = desk.sandbox.vendors["tryton-lyon"]
    others: list[DispatchResult] = []

    def another_sends() -> None:
        desk.wait(minutes=12)
        others.append(dispatch(desk.hub, "tryton-lyon"))

    desk.sandbox.vendors["tryton-lyon"] = Sluggish(vendor, another_sends)
    assert dispatch(desk.hub, "tryton-lyon") == DispatchResult(sent=1, lost=1)
    assert others == [DispatchResult(sent=1, applied=1)]
    (shipment,) = desk.shipments("tryton-lyon")
    assert desk.picklist(picklist_id).wms_id == shipment.wms_id


def test_s38_a_refusal_is_one_visible_exception_and_not_tried_again(open_desk: OpenDesk) -> None:
    desk, order, picklist_id = ready(open_desk, "tryton-lyon", "LYS")
    del desk.world.skus[SPOON]
    assert dispatch(desk.hub, "tryton-lyon") == DispatchResult(sent=1, rejected=1)
    picklist = desk.picklist(picklist_id)
    assert picklist.state is State.EXCEPTION
    assert picklist.why is not None
    assert SPOON in picklist.why
    assert desk.events(order).count("picklist_refused") == 1
    desk.wait(days=1)
    assert dispatch(desk.hub, "tryton-lyon") == DispatchResult()


def test_a_person_has_a_refused_picklist_sent_again(open_desk: OpenDesk) -> None:
    desk, _order, picklist_id = ready(open_desk, "tryton-lyon", "LYS")
    spoon = desk.world.skus.pop(SPOON)
    dispatch(desk.hub, "tryton-lyon")
    desk.world.skus[SPOON] = spoon
    with desk.hub.store.begin() as tx:
        assert retry(tx, desk.outbox("tryton-lyon")[0].id, desk.hub.clock.now())
    assert dispatch(desk.hub, "tryton-lyon") == DispatchResult(sent=1, applied=1)
    assert desk.picklist(picklist_id).state is State.ACCEPTED


def test_rejected_credentials_stop_the_connection_and_nothing_is_lost(open_desk: OpenDesk) -> None:
    desk, _order, _picklist = ready(open_desk, "shipbob-us", "ORD")
    desk.allocate(desk.place("shopify-eu", (SPOON, 1)), "ORD")
    vendor = desk.sandbox.vendors["shipbob-us"]
    desk.sandbox.vendors["shipbob-us"] = Closed(vendor)
    with pytest.raises(CredentialsRejected):
        dispatch(desk.hub, "shipbob-us")
    assert [row.state for row in desk.outbox("shipbob-us")] == [Message.PENDING] * 2
    desk.sandbox.vendors["shipbob-us"] = vendor
    desk.wait(minutes=6)
    assert dispatch(desk.hub, "shipbob-us") == DispatchResult(sent=2, applied=2)


class Closed:
    """A vendor that lets nobody in."""

    def __init__(self, vendor: Vendor) -> None:
        self.faults = vendor.faults

    def handle(self, request: VendorRequest) -> VendorAnswer:
        return VendorAnswer(401)


class Busy:
    """A vendor that asks everybody to come back in two minutes."""

    def __init__(self, vendor: Vendor) -> None:
        self.faults = vendor.faults
        self.calls = 0

    def handle(self, request: VendorRequest) -> VendorAnswer:
        self.calls += 1
        return VendorAnswer(429, headers={"x-retry-after": "120"})


def test_a_vendor_that_asks_to_wait_is_asked_once_for_all(open_desk: OpenDesk) -> None:
    desk, _order, _picklist = ready(open_desk, "shipbob-us", "ORD")
    desk.allocate(desk.place("shopify-eu", (SPOON, 1)), "ORD")
    vendor = desk.sandbox.vendors["shipbob-us"]
    busy = desk.sandbox.vendors["shipbob-us"] = Busy(vendor)
    assert dispatch(desk.hub, "shipbob-us") == DispatchResult(sent=1, postponed=1)
    assert dispatch(desk.hub, "shipbob-us") == DispatchResult()
    assert busy.calls == 1
    desk.sandbox.vendors["shipbob-us"] = vendor
    desk.wait(minutes=3)
    assert dispatch(desk.hub, "shipbob-us") == DispatchResult(sent=2, applied=2)


class Mumbling:
    """A vendor whose answers to writes say nothing; it does what it is asked, or not."""

    def __init__(self, vendor: Vendor, *, obeys: bool) -> None:
        self._vendor = vendor
        self._obeys = obeys
        self.faults = vendor.faults

    def handle(self, request: VendorRequest) -> VendorAnswer:
        if request.method == "GET" or self._obeys:
            answer = self._vendor.handle(request)
        return answer if request.method == "GET" else VendorAnswer(201, b"{}")


def test_an_answer_of_another_shape_leaves_the_message_in_doubt(open_desk: OpenDesk) -> None:
    desk, _order, picklist_id = ready(open_desk, "shipbob-us", "ORD")
    vendor = desk.sandbox.vendors["shipbob-us"]
    desk.sandbox.vendors["shipbob-us"] = Mumbling(vendor, obeys=True)
    assert dispatch(desk.hub, "shipbob-us") == DispatchResult(sent=1, in_doubt=1)
    desk.wait(minutes=2)
    assert dispatch(desk.hub, "shipbob-us") == DispatchResult(sent=1, applied=1)
    assert desk.picklist(picklist_id).wms_id == desk.shipments("shipbob-us")[0].wms_id


def test_a_message_that_stays_in_doubt_is_left_to_a_person(open_desk: OpenDesk) -> None:
    desk, order, _picklist = ready(open_desk, "shipbob-us", "ORD")
    desk.sandbox.vendors["shipbob-us"] = Mumbling(desk.sandbox.vendors["shipbob-us"], obeys=False)
    tries = []
    for _ in range(20):
        tries.append(dispatch(desk.hub, "shipbob-us"))
        desk.wait(hours=2)
    assert [one.in_doubt for one in tries] == [1] * 12 + [0] * 8
    assert [one.needs_person for one in tries] == [0] * 12 + [1] + [0] * 7
    assert [row.state for row in desk.outbox("shipbob-us")] == [Message.NEEDS_PERSON]
    assert desk.events(order).count("person_needed") == 1


def test_a_picklist_that_the_vendors_form_cannot_say_is_refused_by_itself(open_desk: OpenDesk) -> None:
    desk, _order, picklist_id = ready(open_desk, "shipbob-us", "ORD")
    good = desk.allocate(desk.place("shopify-eu", (SPOON, 1)), "ORD")
    with desk.hub.store.begin() as tx:
        tx.execute(update(picklists).where(picklists.c.id == picklist_id).values(site="nowhere"))
    assert dispatch(desk.hub, "shipbob-us") == DispatchResult(sent=2, rejected=1, applied=1)
    refused = desk.picklist(picklist_id)
    assert refused.state is State.EXCEPTION
    assert refused.why is not None
    assert "location id" in refused.why
    assert desk.picklist(good).state is State.ACCEPTED
