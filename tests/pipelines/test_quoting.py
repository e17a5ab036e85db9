"""Vendors that refuse something in words that tell who the buyer is: the words are kept, the buyer is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from order_store.events import timeline
from pipelines.services.amend import amend_orders
from pipelines.services.dispatch import dispatch
from sandbox.world import ShopOrder
from tests.canaries import found_in, words_of

OpenDesk = Callable[..., Any]
SPOON = "SPOON-BRASS"
WMSS = [("tryton-lyon", "LYS"), ("shipbob-us", "ORD")]
CHANNELS = ["shopify-eu", "amazon-uk", "woo-de", "vendure-us"]


def told(desk: Any, order: ShopOrder, connection: str) -> str:  # noqa: ANN401
    """What the hub keeps of a connection's answers about an order."""
    with desk.hub.store.read() as tx:
        events = timeline(tx, desk.order_id(order))
    messages = desk.outbox(connection)
    return " ".join(filter(None, [row.reason for row in messages] + [event.why for event in events]))


def names_nobody(text: str, order: ShopOrder) -> bool:
    person = order.ship_to
    words = (*person.name.split(), *person.street, person.phone)
    return not any(word.lower() in text.lower() for word in words if len(word) >= 3)


@pytest.mark.parametrize(("wms", "warehouse"), WMSS)
def test_a_refused_cancellation_names_nobody(
    open_desk: OpenDesk, tmp_path: Path, wms: str, warehouse: str
) -> None:
    desk = open_desk("shopify-eu", wms)
    order = desk.place("shopify-eu", (SPOON, 2))
    desk.allocate(order, warehouse)
    dispatch(desk.hub, wms)
    desk.world.cancel(order)
    desk.read("shopify-eu")
    amend_orders(desk.hub)
    desk.sandbox.fault(wms, "quoting_refusal")
    assert dispatch(desk.hub, wms).rejected == 1
    assert desk.events(order)[-1] == "intercept_needed"
    kept = told(desk, order, wms)
    assert "[...]" in kept
    assert names_nobody(kept, order), kept
    assert found_in(tmp_path, words_of([order])) == {}


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_refused_confirmation_names_nobody(open_desk: OpenDesk, tmp_path: Path, channel: str) -> None:
    desk = open_desk(channel, "tryton-lyon")
    order = desk.place(channel, (SPOON, 1), country="GB" if channel == "amazon-uk" else "US")
    picklist_id = desk.allocate(order, "LYS")
    dispatch(desk.hub, "tryton-lyon")
    desk.ship("tryton-lyon", desk.picklist(picklist_id).reference, "1Z0001")
    desk.sandbox.fault(channel, "quoting_refusal", 2)  # Shopify is asked twice
    assert dispatch(desk.hub, channel).rejected == 1
    assert desk.events(order)[-1] == "confirmation_refused"
    kept = told(desk, order, channel)
    assert ("[...]" in kept) == (channel in ("shopify-eu", "amazon-uk")), "of the others only a code is kept"
    assert names_nobody(kept, order), kept
    assert found_in(tmp_path, words_of([order])) == {}
