"""Raw orders of a WooCommerce shop, rendered fast: what the benchmarks feed the hub with.

The fields are those that WooCommerce REST v3 answers; names, streets and amounts vary from order to order.
"""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = ("Ada", "Grace", "Linus", "Margaret", "Edsger", "Barbara", "Alan", "Radia", "Donald", "Frances")
LAST = ("Weber", "Rossi", "Novak", "Jansen", "Dubois", "Kowalski", "Silva", "Larsen", "Murphy", "Bauer")
CITIES = (
    ("Berlin", "BE", "10115", "DE"),
    ("Hamburg", "HH", "20095", "DE"),
    ("Lyon", "", "69001", "FR"),
    ("Austin", "TX", "78701", "US"),
    ("Portland", "OR", "97201", "US"),
    ("Leeds", "", "LS1 1UR", "GB"),
)
SKUS = 500
VAT = Decimal("0.19")


def modified_at(number: int) -> datetime:
    """When the number-th order was last modified: each in a second of its own, ascending."""
    return START + timedelta(seconds=60 * number + 30)


def raw_order(number: int, seed: int = 7) -> bytes:
    """The JSON of the number-th order (from 1): one to three lines, shipping, VAT of 19 %, paid by card."""
    rng = random.Random(seed * 1_000_003 + number)
    placed = START + timedelta(seconds=60 * number)
    name, surname = rng.choice(FIRST), rng.choice(LAST)
    city, state, postcode, country = rng.choice(CITIES)
    lines = [_line(number * 10 + place, rng) for place in range(rng.choice((1, 1, 2, 2, 3)))]
    shipping = Decimal("4.90")
    shipping_tax = _tax(shipping)
    tax = sum((Decimal(line["total_tax"]) for line in lines), Decimal(0))
    total = sum((Decimal(line["total"]) for line in lines), Decimal(0)) + tax + shipping + shipping_tax
    address = {
        "first_name": name,
        "last_name": surname,
        "company": "",
        "address_1": f"{rng.choice(LAST)} Street {rng.randint(1, 240)}",
        "address_2": "",
        "city": city,
        "state": state,
        "postcode": postcode,
        "country": country,
        "phone": f"+49 30 {rng.randint(1_000_000, 9_999_999)}",
    }
    stamp = placed.strftime("%Y-%m-%dT%H:%M:%S")
    paid = modified_at(number).strftime("%Y-%m-%dT%H:%M:%S")
    order = {
        "id": number,
        "parent_id": 0,
        "number": str(number),
        "order_key": f"wc_order_{rng.getrandbits(52):013x}",
        "created_via": "checkout",
        "version": "10.3.0",
        "status": "processing",
        "currency": "EUR",
        "date_created": stamp,
        "date_created_gmt": stamp,
        "date_modified": paid,
        "date_modified_gmt": paid,
        "discount_total": "0.00",
        "discount_tax": "0.00",
        "shipping_total": str(shipping),
        "shipping_tax": str(shipping_tax),
        "cart_tax": str(tax),
        "total": str(total),
        "total_tax": str(tax + shipping_tax),
        "prices_include_tax": False,
        "customer_id": rng.randint(1, 100_000),
        "customer_ip_address": "203.0.113.7",
        "customer_user_agent": "",
        "customer_note": "",
        "billing": address | {"email": f"{name}.{surname}{number}@example.org".lower()},
        "shipping": address,
        "payment_method": "stripe",
        "payment_method_title": "Card",
        "transaction_id": f"ch_{rng.getrandbits(60):015x}",
        "date_paid": paid,
        "date_paid_gmt": paid,
        "date_completed": None,
        "date_completed_gmt": None,
        "cart_hash": f"{rng.getrandbits(128):032x}",
        "meta_data": [],
        "line_items": lines,
        "tax_lines": [
            {
                "id": number * 10 + 8,
                "rate_code": "DE-19%",
                "rate_id": 1,
                "label": "VAT",
                "compound": False,
                "tax_total": str(tax),
                "shipping_tax_total": str(shipping_tax),
                "rate_percent": 19,
                "meta_data": [],
            }
        ],
        "shipping_lines": [
            {
                "id": number * 10 + 9,
                "method_title": "Parcel",
                "method_id": "flat_rate",
                "instance_id": "1",
                "total": str(shipping),
                "total_tax": str(shipping_tax),
                "taxes": [{"id": 1, "total": str(shipping_tax), "subtotal": ""}],
                "meta_data": [],
            }
        ],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        "payment_url": "",
        "is_editable": False,
        "needs_payment": False,
        "needs_processing": True,
        "currency_symbol": "€",
    }
    return msgspec.json.encode(order)


def _line(line_id: int, rng: random.Random) -> dict[str, Any]:
    product = rng.randint(1, SKUS)
    quantity = rng.choice((1, 1, 1, 2, 3))
    net = Decimal(990 + product * 10).scaleb(-2) * quantity
    tax = _tax(net)
    return {
        "id": line_id,
        "name": f"Product {product}",
        "product_id": product,
        "variation_id": 0,
        "quantity": quantity,
        "tax_class": "",
        "subtotal": str(net),
        "subtotal_tax": str(tax),
        "total": str(net),
        "total_tax": str(tax),
        "taxes": [{"id": 1, "total": str(tax), "subtotal": str(tax)}],
        "meta_data": [],
        "sku": f"SKU-{product:05d}",
        "price": float(net / quantity),
        "image": {"id": product, "src": f"https://shop.example/{product}.jpg"},
        "parent_name": None,
    }


def _tax(net: Decimal) -> Decimal:
    return (net * VAT).quantize(Decimal("0.01"))
