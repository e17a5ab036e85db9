"""The guards in connectors: what keeps a write that is sent a second time from doubling at its vendor.

Some vendors refuse a second one by themselves. Then the hub must know the refusal for what it is: else what
was done counts as refused, a person is told so, or another warehouse ships it once more. And what was done by
half must not count as done.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import msgspec

from connectors.channels import amazon, shopify
from connectors.channels.shopify import Shopify
from connectors.channels.shopify_fulfilment import Plan
from connectors.channels.vendure import Vendure
from connectors.channels.woocommerce import WooCommerce
from connectors.contract import Json, Outcome, WriteResult
from connectors.errors import AnswerLost
from connectors.wms.shipbob import ShipBob
from connectors.wms.tryton import Tryton
from connectors.wms.tryton_picklists import PARTY, Picklists
from tests.faults.crash.guards import ONE_KEY, Guard, both, new_key_each_time, passed
from tests.faults.crash.merchants import EAST
from tests.faults.crash.points import Point

Given = Any
"""What is handed through as it came."""

VENDURE_LOOKS = "Vendure is asked for a parcel's fulfilment before it is made"
SHOPIFY_LOOKED_UP = "a confirmation in doubt is looked up at Shopify"
SHIPBOB_LOOKED_UP = "a push in doubt is looked up at ShipBob"


def _found_nothing(_self: Given, _operation: str, _body: Json, _reference: str) -> WriteResult | None:
    return None


# --- Tryton


def _half_push_counts() -> None:
    """A shipment that Tryton has counts as pushed, however far it came."""

    def look_up(tryton: Tryton, _operation: str, body: Json, _reference: str) -> WriteResult | None:
        found = tryton._picklists.find(body)
        return None if found is None else WriteResult(Outcome.APPLIED, str(found["id"]))

    Tryton.look_up = look_up  # type: ignore[method-assign]


def _party_each_time() -> None:
    """The buyers' party is made, whether there is one or not."""

    def made(picklists: Picklists) -> int:
        return picklists._rest.create("party.party", {"name": "Buyers of the order hub", "code": PARTY})

    party = cached_property(made)
    party.__set_name__(Picklists, "_party")
    Picklists._party = party  # type: ignore[assignment]


def _cancelled_counts_as_late() -> None:
    """A shipment that is cancelled cannot be cancelled, as one that is picked."""
    cancel = Picklists.cancel

    def refused(picklists: Picklists, body: Json) -> WriteResult:
        found = picklists.find(body)
        if found is not None and found["state"] == "cancelled":
            return WriteResult(Outcome.REJECTED, str(found["id"]), "the shipment is cancelled")
        return cancel(picklists, body)

    Picklists.cancel = refused  # type: ignore[method-assign]


# --- ShipBob


def _known_reference_is_refused() -> None:
    """Whatever ShipBob refuses to take was not done."""
    push = ShipBob._push

    def refused(shipbob: ShipBob, body: Json, reference: str) -> WriteResult:
        shipbob._order_by_reference = lambda _reference: None  # type: ignore[method-assign]
        try:
            return push(shipbob, body, reference)
        except AnswerLost:
            return WriteResult(Outcome.REJECTED, reason="refused with 422")
        finally:
            del shipbob._order_by_reference

    ShipBob._push = refused  # type: ignore[method-assign]


def _shipbob_not_looked_up() -> None:
    ShipBob.look_up = _found_nothing  # type: ignore[method-assign]


def _refused_cancellation_counts() -> None:
    """What ShipBob refuses to cancel goes on, also if it is cancelled."""
    cancel = ShipBob._cancel

    def refused(shipbob: ShipBob, body: Json, reference: str) -> WriteResult:
        order_id = str(shipbob._order_id(body))
        (record,) = shipbob.read_one("shipments", order_id).records
        if msgspec.json.decode(record.payload)["status"] == "Cancelled":
            return WriteResult(Outcome.REJECTED, order_id, "the order is not in a cancellable state")
        return cancel(shipbob, body, reference)

    ShipBob._cancel = refused  # type: ignore[method-assign]


# --- channels


def _fulfilments_overlooked() -> None:
    """A parcel is fulfilled at Shopify as if none were fulfilled yet."""
    plan = shopify.plan

    def blind(order: Json, wanted: Mapping[str, int], number: str | None) -> Plan:
        return plan(order | {"fulfillments": []}, wanted, number)

    shopify.plan = blind


def _shopify_not_looked_up() -> None:
    Shopify.look_up = _found_nothing  # type: ignore[method-assign]


def _vendure_fulfils_blindly() -> None:
    """Vendure makes a fulfilment, whether there is one of the parcel or not."""
    Vendure._fulfilment = lambda _vendure, _body: None  # type: ignore[method-assign]


def _half_fulfilment_counts() -> None:
    """A fulfilment that Vendure has counts as confirmed, shipped or not."""

    def look_up(vendure: Vendure, _operation: str, body: Json, _reference: str) -> WriteResult | None:
        found = vendure._fulfilment(body)
        return None if found is None else WriteResult(Outcome.APPLIED, found["id"])

    Vendure.look_up = look_up  # type: ignore[method-assign]


def _already_fulfilled_is_refused() -> None:
    """What Vendure says is part of a fulfilment was not confirmed."""
    ask = Vendure._ask

    def refused(vendure: Vendure, document: str, variables: Json, *, mutation: bool = False) -> Json:
        data = ask(vendure, document, variables, mutation=mutation)
        made = data.get("addFulfillmentToOrder")
        if made and made["__typename"] == "ItemsAlreadyFulfilledError":
            made["__typename"] = "CreateFulfillmentError"
        return data

    Vendure._ask = refused  # type: ignore[method-assign]


def _tracking_told_blindly() -> None:
    """WooCommerce is told of a parcel's tracking, whether it shows it or not."""
    tell = WooCommerce._tell

    def blind(shop: WooCommerce, path: str, body: Json, told: Given) -> str | None:
        return tell(shop, path, body, None if told is None else [])

    WooCommerce._tell = blind  # type: ignore[method-assign]


def _half_told_counts() -> None:
    """An order whose tracking WooCommerce shows counts as told of, completed or not."""
    look_up = WooCommerce.look_up

    def halfway(shop: WooCommerce, operation: str, body: Json, reference: str) -> WriteResult | None:
        return look_up(shop, operation, body | {"complete": False}, reference)

    WooCommerce.look_up = halfway  # type: ignore[method-assign]


def _amazons_words_unknown() -> None:
    """What Amazon says is fulfilled already was not confirmed."""
    amazon.DONE_WORDS = ()


HIDING: Mapping[str, Callable[[], None]] = {
    SHIPBOB_LOOKED_UP: _shipbob_not_looked_up,
    SHOPIFY_LOOKED_UP: _shopify_not_looked_up,
}
"""Looks that hide the lack of a guard, as it hides theirs."""
READS = 3
"""Calls to Vendure in a round before the first that writes."""


def _half_pushed(point: Point) -> bool:
    """After the first of a push's two buttons."""
    return _after_call("tryton_rest.py:press")(point) and point.occurrence % 2 == 1


def _written(point: Point) -> bool:
    """After a call to Vendure that may be a write."""
    return _after_call("vendure.py:_send_once")(point) and point.occurrence > READS


def _transitioned(point: Point) -> bool:
    """After a fulfilment is shipped, where none is looked for before it is made."""
    return _written(point) and (point.occurrence - READS) % 2 == 0


def _after_call(place: str) -> Callable[[Point], bool]:
    return passed("after call", place)


VENDOR_GUARDS: Mapping[str, Guard] = {
    "a half push is no push": Guard("placed", _half_pushed, _half_push_counts),
    "the buyers' party is looked for before it is made": Guard(
        "placed",
        _after_call("tryton_rest.py:_send < connectors/wms/tryton_rest.py:create"),
        _party_each_time,
    ),
    "what Tryton has cancelled is cancelled": Guard(
        "changed", _after_call("tryton_rest.py:press"), _cancelled_counts_as_late
    ),
    "a reference that ShipBob knows is pushed": Guard(
        "placed",
        _after_call("shipbob.py:_push"),
        both(_known_reference_is_refused, _shipbob_not_looked_up),
        SHIPBOB_LOOKED_UP,
        EAST,
    ),
    "what ShipBob has cancelled is cancelled": Guard(
        "changed", _after_call("shipbob.py:_cancel"), _refused_cancellation_counts, merchant=EAST
    ),
    "what Shopify has of a parcel is left out": Guard(
        "shipped",
        _after_call("shopify_graphql.py:mutate < connectors/channels/shopify.py:_fulfil"),
        both(_fulfilments_overlooked, _shopify_not_looked_up),
        SHOPIFY_LOOKED_UP,
    ),
    VENDURE_LOOKS: Guard("shipped", _written, _vendure_fulfils_blindly, merchant=EAST),
    "a fulfilment that is not shipped is no confirmation": Guard(
        "shipped", _written, _half_fulfilment_counts, merchant=EAST
    ),
    "what is fulfilled already at Vendure is confirmed": Guard(
        "shipped",
        _transitioned,
        both(_vendure_fulfils_blindly, _already_fulfilled_is_refused),
        VENDURE_LOOKS,
        EAST,
    ),
    "WooCommerce is asked for a parcel's tracking before it is told": Guard(
        "shipped", _after_call("woocommerce.py:_tell"), _tracking_told_blindly, merchant=EAST
    ),
    "an order that is not completed is not confirmed": Guard(
        "shipped", _after_call("woocommerce.py:_tell"), _half_told_counts, merchant=EAST
    ),
    "what is fulfilled already at Amazon is confirmed": Guard(
        "shipped",
        _after_call("amazon.py:_send < connectors/channels/amazon.py:write"),
        both(new_key_each_time, _amazons_words_unknown),
        ONE_KEY,
    ),
}
