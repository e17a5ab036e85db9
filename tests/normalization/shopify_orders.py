"""Shopify orders as small as they can be, for the mapping's tests."""

import json
from datetime import UTC, datetime
from typing import Any

from normalization.channels.shopify import order
from normalization.records import CanonicalOrder, OrderLine
from normalization.registry import Context

SEEN = datetime(2026, 10, 2, 12, tzinfo=UTC)
CONTEXT = Context("shopify-eu", SEEN)
Json = dict[str, Any]


def bag(amount: str, currency: str = "EUR", shown: tuple[str, str] | None = None) -> Json:
    presentment = shown or (amount, currency)
    return {
        "shopMoney": {"amount": amount, "currencyCode": currency},
        "presentmentMoney": {"amount": presentment[0], "currencyCode": presentment[1]},
    }


def line(number: int, quantity: int, price: str, **more: object) -> Json:
    return {
        "id": f"gid://shopify/LineItem/{number}",
        "sku": f"SKU-{number}",
        "title": "Thing",
        "quantity": quantity,
        "currentQuantity": quantity,
        "unfulfilledQuantity": quantity,
        "originalUnitPriceSet": bag(price),
        "discountAllocations": [],
        "taxLines": [],
        **more,
    }


def raw(*lines: Json, total: str, **more: object) -> Json:
    return {
        "id": "gid://shopify/Order/1",
        "name": "#1001",
        "createdAt": "2026-10-01T10:00:00Z",
        "updatedAt": "2026-10-02T10:00:00Z",
        "currencyCode": "EUR",
        "presentmentCurrencyCode": "EUR",
        "taxesIncluded": True,
        "displayFinancialStatus": "PAID",
        "displayFulfillmentStatus": "UNFULFILLED",
        "totalPriceSet": bag(total),
        "currentTotalPriceSet": bag(total),
        "lineItems": {"nodes": list(lines)},
        "shippingLines": {"nodes": []},
        "fulfillments": [],
        "refunds": [],
        **more,
    }


def canonical(value: Json) -> CanonicalOrder:
    return order(json.dumps(value).encode(), CONTEXT)


def only_line(value: Json) -> OrderLine:
    lines = canonical(value).lines
    assert isinstance(lines, tuple)
    return lines[0]


def refund(number: int, units: int, restock: str, amount: str) -> Json:
    return {
        "id": f"gid://shopify/Refund/{number}",
        "createdAt": "2026-10-02T09:00:00Z",
        "totalRefundedSet": bag(amount),
        "refundLineItems": {
            "nodes": [
                {
                    "quantity": units,
                    "restockType": restock,
                    "restocked": restock in ("RETURN", "CANCEL"),
                    "subtotalSet": bag(amount),
                    "totalTaxSet": bag("0.0"),
                    "lineItem": {"id": "gid://shopify/LineItem/1"},
                }
            ]
        },
    }


def shipped(units: int) -> Json:
    return {
        "id": "gid://shopify/Fulfillment/1",
        "status": "SUCCESS",
        "trackingInfo": [{"number": "1Z", "company": "UPS"}],
        "fulfillmentLineItems": {
            "nodes": [{"quantity": units, "lineItem": {"id": "gid://shopify/LineItem/1"}}]
        },
    }
