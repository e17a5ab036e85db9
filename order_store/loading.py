"""Puts stored rows together into canonical orders again."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET
from sqlalchemy import Connection

from normalization.money import Money
from normalization.records import (
    Address,
    CanonicalOrder,
    ChannelFulfilment,
    Charge,
    Discount,
    LineQuantity,
    OrderLine,
    Payment,
    Refund,
    RefundLine,
    Return,
    ShippingLine,
    TaxLine,
    Totals,
    Version,
)
from normalization.statuses import ChannelState, FulfilledBy, PaymentMode, PaymentState, ReturnReason
from order_store.dialects import rows_where
from order_store.merging import KnownOrder
from order_store.personal import PersonalData, personal_data_by_order
from order_store.rows import CHILD_TABLES
from order_store.schema.base import from_micros
from order_store.schema.orders import order_lines, orders
from order_store.schema.reading import connections
from order_store.versions import decode_versions

Fields = Mapping[str, Any]

_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_taxes = msgspec.json.Decoder(tuple[TaxLine, ...]).decode
_discounts = msgspec.json.Decoder(tuple[Discount, ...]).decode
_quantities = msgspec.json.Decoder(tuple[LineQuantity, ...]).decode


class StoredOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order with all that the store knows of it.

    Attributes:
        row: Its row in `orders`.
        lines: Its rows in `order_lines`, by line_no.
        known: The canonical order with the versions of its datasets.
    """

    row: Fields
    lines: tuple[Fields, ...]
    known: KnownOrder

    @property
    def order(self) -> CanonicalOrder:
        """The order as its channel tells it, all reads merged."""
        return self.known.order


def load_orders(tx: Connection, order_ids: Sequence[int], purpose: str = "merging") -> dict[int, StoredOrder]:
    """Orders by id; ids that do not exist are left out. `purpose` says why, for the access log."""
    rows = rows_where(tx, orders, orders.c.id, order_ids)
    names = {row.id: row.name for row in tx.execute(connections.select())}
    personal = personal_data_by_order(tx, order_ids, purpose)
    lines = _by_order(rows_where(tx, order_lines, order_lines.c.order_id, order_ids))
    children = {
        table.name: _by_order(rows_where(tx, table, table.c.order_id, order_ids)) for table in CHILD_TABLES
    }
    found: dict[int, StoredOrder] = {}
    for row in rows:
        key = row["id"]
        parts = {name: by_order.get(key, []) for name, by_order in children.items()}
        found[key] = _stored(row, names[row["connection_id"]], lines.get(key, []), parts, personal[key])
    return found


def _by_order(rows: Sequence[Fields]) -> dict[int, list[Fields]]:
    grouped: dict[int, list[Fields]] = defaultdict(list)
    for row in rows:
        grouped[row["order_id"]].append(row)
    return grouped


def _stored(
    row: Fields,
    connection: str,
    lines: Sequence[Fields],
    parts: Mapping[str, Sequence[Fields]],
    personal: PersonalData,
) -> StoredOrder:
    currency, buyer_currency = row["currency"], row["buyer_currency"]
    version = Version(revision=row["version_revision"], observed_at=from_micros(row["version_observed_at"]))
    versions = decode_versions(version, row["dataset_versions"])
    datasets: dict[str, Callable[[], Any]] = {
        "totals": lambda: _totals(row),
        "buyer": lambda: personal.buyer,
        "ship_to": lambda: personal.ship_to or _place(row),
        "bill_to": lambda: personal.bill_to,
        "notes": lambda: personal.notes,
        "lines": lambda: tuple(_line(line, currency, buyer_currency) for line in lines),
        "shipping": lambda: tuple(_shipping(one, currency) for one in parts["order_shipping"]),
        "charges": lambda: tuple(_charge(one, currency) for one in parts["order_charges"]),
        "discounts": lambda: _discounts(row["discounts"]) if row["discounts"] else (),
        "payments": lambda: tuple(map(_payment, parts["payments"])),
        "fulfilments": lambda: tuple(map(_fulfilment, parts["channel_fulfilments"])),
        "refunds": lambda: _refunds(parts, personal),
        "returns": lambda: _returns(parts, personal),
    }
    order = CanonicalOrder(
        connection=connection,
        external_id=row["external_id"],
        number=row["number"],
        version=version,
        placed_at=row["placed_at"],
        updated_at=row["updated_at"],
        cancelled_at=row["cancelled_at"],
        cancel_reason=row["cancel_reason"],
        state=ChannelState(row["channel_state"]),
        channel_status=row["channel_status"],
        confirmation_ref=row["confirmation_ref"],
        fulfilled_by=FulfilledBy(row["fulfilled_by"]),
        currency=currency,
        buyer_currency=buyer_currency,
        taxes_included=bool(row["taxes_included"]),
        payment_mode=PaymentMode(row["payment_mode"]),
        payment_state=PaymentState(row["payment_state"]),
        requested_service=row["requested_service"],
        ship_by=row["ship_by"],
        deliver_by=row["deliver_by"],
        tags=_texts(row["tags"]) if row["tags"] else (),
        warnings=_texts(row["warnings"]) if row["warnings"] else (),
        **{name: UNSET if versions[name] is None else build() for name, build in datasets.items()},
    )
    gone = {
        line["line_id"]: Version(
            revision=line["gone_revision"], observed_at=from_micros(line["gone_observed_at"])
        )
        for line in lines
        if line["gone_observed_at"] is not None
    }
    return StoredOrder(row=row, lines=tuple(lines), known=KnownOrder(order, versions, gone))


def _money(minor: int | None, currency: str | None) -> Money | None:
    return None if minor is None or currency is None else Money(minor, currency)


def _place(row: Fields) -> Address | None:
    """Where an order went whose person was erased: what its row says, which names nobody."""
    place = {name: row[name] for name in ("city", "region", "postal_code", "country_code")}
    return Address(**place) if any(place.values()) else None


def _totals(row: Fields) -> Totals:
    currency = row["currency"]
    return Totals(
        total=Money(row["total_minor"], currency),
        tax=Money(row["tax_minor"], currency),
        discount=Money(row["discount_minor"], currency),
        shipping=Money(row["shipping_minor"], currency),
        refunded=Money(row["refunded_minor"], currency),
        buyer_total=_money(row["buyer_total_minor"], row["buyer_currency"] or currency),
    )


def _line(row: Fields, currency: str, buyer_currency: str | None) -> OrderLine:
    return OrderLine(
        line_id=row["line_id"],
        sku=row["channel_sku"],
        ordered=row["ordered"],
        cancelled=row["cancelled"],
        fulfilled=row["fulfilled"],
        returned=row["returned"],
        title=row["title"],
        unit_price=Money(row["unit_price_minor"], currency),
        gross=Money(row["gross_minor"], currency),
        discount=Money(row["discount_minor"], currency),
        net=Money(row["net_minor"], currency),
        tax=Money(row["tax_minor"], currency),
        total=Money(row["total_minor"], currency),
        taxes=_taxes(row["taxes"]) if row["taxes"] else (),
        discounts=_discounts(row["discounts"]) if row["discounts"] else (),
        buyer_total=_money(row["buyer_total_minor"], buyer_currency or currency),
        requires_shipping=bool(row["requires_shipping"]),
        parent_line_id=row["parent_line_id"],
        channel_product_id=row["channel_product_id"],
    )


def _shipping(row: Fields, currency: str) -> ShippingLine:
    return ShippingLine(
        title=row["title"],
        code=row["code"],
        net=Money(row["net_minor"], currency),
        tax=Money(row["tax_minor"], currency),
        total=Money(row["total_minor"], currency),
    )


def _charge(row: Fields, currency: str) -> Charge:
    return Charge(
        kind=row["kind"],
        title=row["title"],
        net=Money(row["net_minor"], currency),
        tax=Money(row["tax_minor"], currency),
        total=Money(row["total_minor"], currency),
    )


def _payment(row: Fields) -> Payment:
    return Payment(
        payment_id=row["payment_id"],
        mode=PaymentMode(row["mode"]),
        state=PaymentState(row["state"]),
        amount=Money(row["amount_minor"], row["currency"]),
        gateway=row["gateway"],
        buyer_amount=_money(row["buyer_amount_minor"], row["buyer_currency"]),
        paid_at=row["paid_at"],
    )


def _fulfilment(row: Fields) -> ChannelFulfilment:
    return ChannelFulfilment(
        fulfilment_id=row["fulfilment_id"],
        lines=_quantities(row["lines"]),
        state=row["state"],
        carrier=row["carrier"],
        tracking_numbers=_texts(row["tracking_numbers"]),
        created_at=row["created_at"],
    )


def _refunds(parts: Mapping[str, Sequence[Fields]], personal: PersonalData) -> tuple[Refund, ...]:
    return tuple(
        Refund(
            refund_id=row["refund_id"],
            amount=Money(row["amount_minor"], row["currency"]),
            lines=tuple(
                RefundLine(
                    line_id=line["line_id"],
                    quantity=line["quantity"],
                    amount=Money(line["amount_minor"], row["currency"]),
                    restocked=bool(line["restocked"]),
                )
                for line in parts["refund_lines"]
                if line["refund_no"] == row["no"]
            ),
            shipping=_money(row["shipping_minor"], row["currency"]),
            buyer_amount=_money(row["buyer_amount_minor"], row["buyer_currency"]),
            reason=ReturnReason(row["reason"]),
            reason_text=personal.reasons.get(f"refund:{row['refund_id']}"),
            created_at=row["created_at"],
        )
        for row in parts["refunds"]
    )


def _returns(parts: Mapping[str, Sequence[Fields]], personal: PersonalData) -> tuple[Return, ...]:
    return tuple(
        Return(
            return_id=row["return_id"],
            lines=tuple(
                LineQuantity(line_id=line["line_id"], quantity=line["quantity"])
                for line in parts["return_lines"]
                if line["return_no"] == row["no"]
            ),
            state=row["state"],
            reason=ReturnReason(row["reason"]),
            reason_text=personal.reasons.get(f"return:{row['return_id']}"),
            created_at=row["created_at"],
        )
        for row in parts["returns"]
    )
