"""ShipBob's orders: what it requires of a new one, and how it shows them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.world import Picked, WarehouseShipment, World

STATES: Mapping[str, tuple[str, str, tuple[int, str, str] | None]] = {
    "waiting": ("Exception", "Exception", (303, "OutOfStock", "No Stock On Hand For Sku")),
    "assigned": ("Processing", "Processing", None),
    "picked": ("Processing", "Processing", (100, "Picked", "Picking Completed")),
    "packed": ("Processing", "Processing", (101, "Packed", "Packing Completed")),
    "shipped": ("Fulfilled", "Completed", (201, "InTransit", "Shipment In Transit")),
    "cancelled": ("Cancelled", "Cancelled", None),
}
"""The order's status, its shipment's status and detail, of a shipment's state."""
FIRST_SHIPMENT = 50_000_000


def shipment_id(shipment: WarehouseShipment) -> int:
    """An order's one shipment has a number of its own."""
    return FIRST_SHIPMENT + shipment.serial


def inventory_id(world: World, sku: str) -> int:
    """ShipBob's number of a SKU."""
    return 900_001 + sorted(world.skus).index(sku)


def problems_of(body: Any) -> dict[str, list[str]]:  # noqa: ANN401 -- a request can hold any JSON
    """What ShipBob finds wrong with a new order: field to sentences."""
    if not isinstance(body, dict):
        return {"": ["A non-empty request body is required."]}
    recipient = body.get("recipient") or {}
    address = recipient.get("address") or {}
    wanted = {
        "ReferenceId": body.get("reference_id"),
        "ShippingMethod": body.get("shipping_method"),
        "Products": body.get("products"),
        "Recipient.Name": recipient.get("name"),
        "Recipient.Address.Address1": address.get("address1"),
        "Recipient.Address.City": address.get("city"),
        "Recipient.Address.Country": address.get("country"),
    }
    problems = {name: [f"The {name} field is required."] for name, value in wanted.items() if not value}
    if len(address.get("country") or "US") != 2:
        problems["Recipient.Address.Country"] = [f"{address['country']} is no ISO Alpha-2 code."]
    return problems


def ship_to_of(recipient: Mapping[str, Any]) -> dict[str, str | None]:
    """A recipient in the world's words."""
    address = recipient["address"]
    return {
        "name": recipient["name"],
        "company": address.get("company_name"),
        "street1": address["address1"],
        "street2": address.get("address2"),
        "city": address["city"],
        "region": address.get("state"),
        "postal_code": address.get("zip_code"),
        "country_code": address["country"],
        "email": recipient.get("email"),
        "phone": recipient.get("phone_number"),
    }


def order_view(world: World, shipment: WarehouseShipment, channel_id: str, *, stale: bool) -> dict[str, Any]:
    """An order as `GET /order/{id}` shows it; `stale` shows it as it was when it was accepted."""
    state = "assigned" if stale else shipment.state
    updated_at = shipment.created_at if stale else shipment.updated_at
    order_status, _, _ = STATES[state]
    return {
        "id": shipment.serial,
        "created_date": _stamp(shipment.created_at),
        "purchase_date": None,
        "reference_id": shipment.reference,
        "order_number": shipment.extra.get("order_number"),
        "status": order_status,
        "type": "DTC",
        "channel": {"id": int(channel_id), "name": "orderhub"},
        "shipping_method": shipment.extra.get("shipping_method"),
        "recipient": _recipient(shipment.ship_to),
        "products": [
            {
                "id": inventory_id(world, sku) - 800_000,
                "reference_id": sku,
                "sku": sku,
                "quantity": units,
                "unit_price": None,
                "external_line_id": None,
            }
            for sku, units in shipment.lines
        ],
        "tags": [],
        "shipments": [_shipment_view(world, shipment, state, updated_at)],
        "gift_message": None,
    }


def _shipment_view(
    world: World, shipment: WarehouseShipment, state: str, updated_at: datetime
) -> dict[str, Any]:
    _, status, detail = STATES[state]
    site = world.sites[shipment.site]
    shipped = shipment.shipped_at if state == "shipped" else None
    view: dict[str, Any] = {
        "id": shipment_id(shipment),
        "order_id": shipment.serial,
        "reference_id": shipment.reference,
        "status": status,
        "status_details": [],
        "created_date": _stamp(shipment.created_at),
        "last_update_at": _stamp(updated_at),
        "last_tracking_update_at": _stamp(shipped) if shipped else None,
        "actual_fulfillment_date": _stamp(shipped) if shipped else None,
        "location": {"id": int(site.wms_site), "name": f"{site.city} ({site.region or site.country_code})"},
        "recipient": {**_recipient(shipment.ship_to), "full_name": shipment.ship_to.get("name")},
        "ship_option": shipment.extra.get("shipping_method"),
        "is_tracking_uploaded": False,
        "require_signature": False,
        "products": [_product(world, shipment, sku, units) for sku, units in shipment.lines],
    }
    if detail:
        number, name, description = detail
        view["status_details"] = [{"id": number, "name": name, "description": description}]
    if shipped:
        view["tracking"] = {
            "carrier": shipment.carrier,
            "carrier_service": shipment.extra.get("shipping_method"),
            "tracking_number": shipment.tracking_number,
            "tracking_url": f"https://www.shipbob.com/tracking/{shipment.tracking_number}",
        }
    return view


def _product(world: World, shipment: WarehouseShipment, sku: str, units: int) -> dict[str, Any]:
    """A product with the units set aside for it by lot, or, while nothing is, with those it wants."""
    number = inventory_id(world, sku)
    base = {"id": number, "name": world.skus[sku].title, "is_dangerous_goods": False}
    by_lot: dict[str | None, int] = {}
    for pick in _picks(shipment, sku):
        by_lot[pick.lot] = by_lot.get(pick.lot, 0) + pick.quantity
    items = [
        {**base, "lot": lot, "quantity": count, "quantity_committed": count} for lot, count in by_lot.items()
    ] or [{**base, "lot": None, "quantity": units, "quantity_committed": 0}]
    return {
        "id": number - 800_000,
        "reference_id": sku,
        "sku": sku,
        "name": world.skus[sku].title,
        "inventory_items": items,
    }


def _picks(shipment: WarehouseShipment, sku: str) -> list[Picked]:
    return [pick for pick in shipment.picks if pick.sku == sku]


def _recipient(ship_to: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "name": ship_to.get("name") or "",
        "email": ship_to.get("email"),
        "phone_number": ship_to.get("phone"),
        "address": {
            "address1": ship_to.get("street1") or "",
            "address2": ship_to.get("street2"),
            "company_name": ship_to.get("company"),
            "city": ship_to.get("city") or "",
            "state": ship_to.get("region"),
            "country": ship_to.get("country_code") or "",
            "zip_code": ship_to.get("postal_code"),
        },
    }


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
