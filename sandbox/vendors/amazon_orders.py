"""How Amazon shows an order: the world's facts in the words of Orders 2026-01-01."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.orders import Person, ShopOrder, SoldLine, half_up

MARKETPLACES: Mapping[str, tuple[str, str]] = {
    "GBP": ("A1F83G8C2ARO7P", "Amazon.co.uk"),
    "EUR": ("A1PA6795UKMFR9", "Amazon.de"),
    "USD": ("ATVPDKIKX0DER", "Amazon.com"),
    "SEK": ("A2NODRKZP88ZB9", "Amazon.se"),
    "PLN": ("A1C3SOZRARQ6R3", "Amazon.pl"),
}
"""Currency to marketplace id and name."""
STATUSES = (
    "PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED",
    "UNFULFILLABLE",
)  # fmt: skip
METHODS = {"cash_on_delivery": "CashOnDelivery", "card": "CreditCard", "marketplace": "CreditCard"}


def units_open(order: ShopOrder, line_id: str) -> int:
    """Units of a line that are still to be shipped."""
    return order.line(line_id).current - order.told_units(line_id)


def status_of(order: ShopOrder) -> str:
    """The order's fulfillmentStatus."""
    if order.cancelled_at:
        return "CANCELLED"
    if order.payment == "pending" and order.payment_mode != "cash_on_delivery":
        return "PENDING"
    if not order.told:
        return "UNSHIPPED"
    waiting = any(units_open(order, line.line_id) for line in order.lines)
    return "PARTIALLY_SHIPPED" if waiting else "SHIPPED"


def render(
    order: ShopOrder, datasets: set[str], asked: Mapping[str, str], references: Mapping[str, str]
) -> dict[str, Any]:
    """The order with the datasets asked for.

    Args:
        order: The order.
        datasets: Values of includedData.
        asked: Lines that the buyer wants cancelled, with the reason.
        references: The seller's package references by fulfilment id.
    """
    status = status_of(order)
    marketplace, name = MARKETPLACES[order.currency]
    shown: dict[str, Any] = {
        "orderId": order.external_id,
        "createdTime": _iso(order.placed_at),
        "lastUpdatedTime": _iso(order.updated_at),
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": marketplace, "marketplaceName": name},
        "orderItems": [_item(order, line, status, datasets, asked) for line in order.lines],
    }
    released = status not in ("PENDING", "PENDING_AVAILABILITY")
    if "BUYER" in datasets and released:
        shown["buyer"] = {"buyerName": order.buyer.name}
        if not order.by_channel:
            shown["buyer"]["buyerEmail"] = f"{order.serial}@marketplace.{name.lower()}"
    if "RECIPIENT" in datasets and released:
        shown["recipient"] = _recipient(order)
    if "PROCEEDS" in datasets and released and status != "CANCELLED":
        shown["proceeds"] = _order_proceeds(order)
    if "FULFILLMENT" in datasets:
        shown["fulfillment"] = _fulfillment(order, status)
    if "PACKAGES" in datasets and order.told and not order.by_channel:
        shown["packages"] = _packages(order, references)
    if "PAYMENT" in datasets and released and order.payment_mode in METHODS and status != "CANCELLED":
        amount = _money(order.total(), order.currency)
        execution = {"paymentMethod": METHODS[order.payment_mode], "paymentAmount": amount}
        shown["payment"] = {"paymentExecutions": [execution]}
    return shown


def _item(
    order: ShopOrder, line: SoldLine, status: str, datasets: set[str], asked: Mapping[str, str]
) -> dict[str, Any]:
    product: dict[str, Any] = {
        "asin": f"B0{sum(map(ord, line.channel_sku)):08d}",
        "title": line.title,
        "sellerSku": line.channel_sku,
    }
    item: dict[str, Any] = {
        "orderItemId": line.line_id,
        "quantityOrdered": line.quantity,
        "product": product,
    }
    priced = status not in ("PENDING", "PENDING_AVAILABILITY", "CANCELLED")
    if "PROCEEDS" in datasets and priced:
        product["price"] = {"unitPrice": _money(_unit_price(order, line), order.currency)}
        item["proceeds"] = _item_proceeds(order, line)
    if "PROMOTION" in datasets and line.discount_rate and order.discount_code and priced:
        item["promotion"] = {"breakdowns": [{"promotionId": order.discount_code}]}
    if "CANCELLATION" in datasets:
        cancellation: dict[str, Any] = {}
        if line.line_id in asked:
            cancellation["cancellationRequest"] = {"requester": "BUYER", "cancelReason": asked[line.line_id]}
        if line.removed:
            cancellation["cancellationExecution"] = {
                "cancelledBy": "BUYER",
                "cancelReason": "Buyer cancelled",
            }
        if cancellation:
            item["cancellation"] = cancellation
    if "FULFILLMENT" in datasets:
        item["fulfillment"] = {
            "quantityFulfilled": order.told_units(line.line_id),
            "quantityUnfulfilled": units_open(order, line.line_id),
        }
    return item


def _unit_price(order: ShopOrder, line: SoldLine) -> int:
    return half_up(line.unit_price / (1 + line.tax_rate)) if order.taxes_included else line.unit_price


def _item_proceeds(order: ShopOrder, line: SoldLine) -> dict[str, Any]:
    """The item's proceeds; the order's delivery costs stand in those of the first item that is left."""
    amounts = line.amounts(order.taxes_included)
    discount = amounts.discount
    if order.taxes_included:
        discount = half_up(Decimal(discount) / (1 + line.tax_rate))
    parts = [("ITEM", amounts.net + discount)]
    total, tax, details = amounts.total, amounts.tax, [("ITEM", amounts.tax)]
    first = next((one for one in order.lines if one.current), None)
    shipping = order.shipping_amounts()
    if line is first and shipping.total:
        parts.append(("SHIPPING", shipping.net))
        total, tax = total + shipping.total, tax + shipping.tax
        details.append(("SHIPPING", shipping.tax))
    breakdowns = [_breakdown(kind, amount, order.currency) for kind, amount in parts]
    if discount:
        breakdowns.append(_breakdown("DISCOUNT", -discount, order.currency, [("ITEM", -discount)]))
    if tax:
        breakdowns.append(_breakdown("TAX", tax, order.currency, details))
    return {"proceedsTotal": _money(total, order.currency), "breakdowns": breakdowns}


def _breakdown(
    kind: str, amount: int, currency: str, details: list[tuple[str, int]] | None = None
) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": kind, "subtotal": _money(amount, currency)}
    if details:
        shown["detailedBreakdowns"] = [
            {"subtype": subtype, "value": _money(part, currency)} for subtype, part in details
        ]
    return shown


def _order_proceeds(order: ShopOrder) -> dict[str, Any]:
    sums: dict[str, Decimal] = {}
    for line in order.lines:
        for one in _item_proceeds(order, line)["breakdowns"]:
            sums[one["type"]] = sums.get(one["type"], Decimal(0)) + Decimal(one["subtotal"]["amount"])
    return {
        "grandTotal": _money(order.total(), order.currency),
        "breakdowns": [
            {"type": kind, "subtotal": {"amount": str(amount), "currencyCode": order.currency}}
            for kind, amount in sums.items()
        ],
    }


def _recipient(order: ShopOrder) -> dict[str, Any]:
    if order.by_channel:  # Amazon keeps the streets of those whom it serves itself
        return {"deliveryAddress": _place(order.ship_to)}
    person = order.ship_to
    lines = {f"addressLine{number}": line for number, line in enumerate(person.street[:3], 1)}
    address = {"name": person.name, **lines, **_place(person), "addressType": "RESIDENTIAL"}
    if person.company:
        address |= {"companyName": person.company, "addressType": "COMMERCIAL"}
    if not order.told:
        address["phone"] = person.phone
    shown: dict[str, Any] = {"deliveryAddress": address}
    if order.note:
        shown["deliveryPreference"] = {"addressInstruction": order.note}
    return shown


def _place(person: Person) -> dict[str, str]:
    place = {"city": person.city, "postalCode": person.postal_code, "countryCode": person.country_code}
    region = person.region or person.region_name
    return place | ({"stateOrRegion": region} if region else {})


def _fulfillment(order: ShopOrder, status: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "fulfillmentStatus": status,
        "fulfilledBy": "AMAZON" if order.by_channel else "MERCHANT",
        "fulfillmentServiceLevel": "EXPEDITED" if "xpress" in order.shipping_title else "STANDARD",
    }
    windows = {"shipByWindow": order.ship_by, "deliverByWindow": order.deliver_by}
    for name, end in windows.items():
        if end:
            shown[name] = {"earliestDateTime": _iso(order.placed_at), "latestDateTime": _iso(end)}
    return shown


def _packages(order: ShopOrder, references: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "packageReferenceId": references.get(told.fulfilment_id, told.fulfilment_id),
            "createdTime": _iso(told.told_at),
            "packageStatus": {"status": "SHIPPED"},
            "shipTime": _iso(told.told_at),
            "packageItems": [
                {"orderItemId": line_id, "quantity": units} for line_id, units in told.lines.items()
            ],
            **({"carrier": told.carrier} if told.carrier else {}),
            **({"trackingNumber": told.tracking_number} if told.tracking_number else {}),
        }
        for told in order.told
    ]


def _money(minor: int, currency: str) -> dict[str, str]:
    """Every marketplace here has a currency of two decimals."""
    return {"amount": str(Decimal(minor).scaleb(-2)), "currencyCode": currency}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
