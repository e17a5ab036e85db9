"""Turns a canonical order into rows, in the values of the database itself. Written for speed.

Every order that is read or replayed passes through here, so it builds plain tuples and reads enum
members' `_value_`, which costs a tenth of `.value`.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET
from sqlalchemy import Table

from normalization.money import Money
from normalization.records import (
    CanonicalOrder,
    ChannelFulfilment,
    Charge,
    OrderLine,
    Payment,
    Refund,
    Return,
    ShippingLine,
    Version,
)
from order_store.dialects import Row
from order_store.schema.base import EPOCH
from order_store.schema.orders import (
    channel_fulfilments,
    order_charges,
    order_lines,
    order_shipping,
    orders,
    payments,
    refund_lines,
    refunds,
    return_lines,
    returns,
)

HUB_LINE_COLUMNS = frozenset(
    {
        "sku",
        "allocated",
        "picked",
        "shipped",
        "delivered",
        "confirmed",
        "backordered",
        "cancelling",
        "elsewhere",
        "first_routed_at",
        "backordered_at_first_routing",
        "units_from_stock_first",
    }
)
"""Columns of order_lines that no channel's answer ever writes."""

ORDER_COLUMNS = tuple(column.name for column in orders.columns)
LINE_COLUMNS = tuple(
    column.name
    for column in order_lines.columns
    if column.name == "sku" or column.name not in HUB_LINE_COLUMNS
)

CHILDREN: dict[str, tuple[Table, ...]] = {
    "shipping": (order_shipping,),
    "charges": (order_charges,),
    "payments": (payments,),
    "fulfilments": (channel_fulfilments,),
    "refunds": (refunds, refund_lines),
    "returns": (returns, return_lines),
}
"""The tables of each dataset that is rewritten as a whole when it changes."""

CHILD_TABLES = tuple(table for tables in CHILDREN.values() for table in tables)
CHILD_COLUMNS = {table.name: tuple(column.name for column in table.columns) for table in CHILD_TABLES}

_encode = msgspec.json.Encoder().encode
_MICROSECOND = timedelta(microseconds=1)


class HubColumns(msgspec.Struct, frozen=True, gc=False):
    """What stands on an order's row that no channel says."""

    revision: int
    status: str
    verification: str
    not_routed_why: str | None
    is_history: int
    created_at: int
    changed_at: int


def order_row(
    order_id: int, connection_id: int, order: CanonicalOrder, versions: str | None, hub: HubColumns
) -> Row:
    """The row of ORDER_COLUMNS."""
    totals, ship_to, version = order.totals, order.ship_to, order.version
    if totals is UNSET:
        money: Row = _NO_TOTALS
    else:
        buyer_total = totals.buyer_total
        money = (
            totals.total.minor,
            totals.tax.minor,
            totals.discount.minor,
            totals.shipping.minor,
            totals.refunded.minor,
            None if buyer_total is None else buyer_total.minor,
        )
    place: Row = (
        (ship_to.city, ship_to.region, ship_to.postal_code, ship_to.country_code) if ship_to else _NO_PLACE
    )
    return (
        order_id,
        connection_id,
        order.external_id,
        order.number,
        hub.revision,
        hub.status,
        hub.verification,
        hub.not_routed_why,
        hub.is_history,
        order.state._value_,
        order.channel_status,
        order.fulfilled_by._value_,
        order.confirmation_ref,
        order.currency,
        order.buyer_currency,
        1 if order.taxes_included else 0,
        order.payment_mode._value_,
        order.payment_state._value_,
        order.requested_service,
        (order.placed_at - EPOCH) // _MICROSECOND,
        _micros(order.updated_at),
        _micros(order.cancelled_at),
        order.cancel_reason,
        _micros(order.ship_by),
        _micros(order.deliver_by),
        _json(order.tags),
        _json(order.warnings),
        _json(order.discounts),
        *money,
        *place,
        version.revision,
        (version.observed_at - EPOCH) // _MICROSECOND,
        versions,
        hub.created_at,
        hub.changed_at,
    )


_NO_TOTALS: Row = (None,) * 6
_NO_PLACE: Row = (None,) * 4


def line_row(order_id: int, line_no: int, line: OrderLine, sku: str | None, gone: Version | None) -> Row:
    """The row of LINE_COLUMNS: the channel's part of an order line, and what the catalogue made of it."""
    buyer_total = line.buyer_total
    return (
        order_id,
        line_no,
        line.line_id,
        line.sku,
        sku,
        line.title,
        1 if line.requires_shipping else 0,
        line.parent_line_id,
        line.channel_product_id,
        line.ordered,
        line.cancelled,
        line.fulfilled,
        line.returned,
        line.unit_price.minor,
        line.gross.minor,
        line.discount.minor,
        line.net.minor,
        line.tax.minor,
        line.total.minor,
        None if buyer_total is None else buyer_total.minor,
        _json(line.taxes),
        _json(line.discounts),
        None if gone is None else gone.revision,
        None if gone is None else _micros(gone.observed_at),
    )


def add_child_rows(
    rows: dict[str, list[Row]], order_id: int, order: CanonicalOrder, datasets: Iterable[str] = CHILDREN
) -> None:
    """Append the rows of an order's child datasets to `rows`, by table name."""
    for dataset in datasets:
        if children := getattr(order, dataset):
            _BUILDERS[dataset](rows, order_id, children)


def _shipping(rows: dict[str, list[Row]], order_id: int, lines: Sequence[ShippingLine]) -> None:
    rows["order_shipping"] += [
        (order_id, no, one.title, one.code, one.net.minor, one.tax.minor, one.total.minor)
        for no, one in enumerate(lines)
    ]


def _charges(rows: dict[str, list[Row]], order_id: int, charges: Sequence[Charge]) -> None:
    rows["order_charges"] += [
        (order_id, no, one.kind, one.title, one.net.minor, one.tax.minor, one.total.minor)
        for no, one in enumerate(charges)
    ]


def _payments(rows: dict[str, list[Row]], order_id: int, payments: Sequence[Payment]) -> None:
    rows["payments"] += [
        (
            order_id,
            no,
            one.payment_id,
            one.mode._value_,
            one.state._value_,
            one.amount.minor,
            one.amount.currency,
            one.gateway,
            *_optional(one.buyer_amount),
            _micros(one.paid_at),
        )
        for no, one in enumerate(payments)
    ]


def _fulfilments(rows: dict[str, list[Row]], order_id: int, made: Sequence[ChannelFulfilment]) -> None:
    rows["channel_fulfilments"] += [
        (
            order_id,
            no,
            one.fulfilment_id,
            one.state,
            one.carrier,
            _encode(one.tracking_numbers).decode(),
            _encode(one.lines).decode(),
            _micros(one.created_at),
        )
        for no, one in enumerate(made)
    ]


def _refunds(rows: dict[str, list[Row]], order_id: int, refunds: Sequence[Refund]) -> None:
    for no, one in enumerate(refunds):
        rows["refunds"].append(
            (
                order_id,
                no,
                one.refund_id,
                one.amount.minor,
                one.amount.currency,
                None if one.shipping is None else one.shipping.minor,
                *_optional(one.buyer_amount),
                one.reason._value_,
                _micros(one.created_at),
            )
        )
        rows["refund_lines"] += [
            (order_id, no, line_no, line.line_id, line.quantity, line.amount.minor, int(line.restocked))
            for line_no, line in enumerate(one.lines)
        ]


def _returns(rows: dict[str, list[Row]], order_id: int, returns: Sequence[Return]) -> None:
    for no, one in enumerate(returns):
        rows["returns"].append(
            (order_id, no, one.return_id, one.state, one.reason._value_, _micros(one.created_at))
        )
        rows["return_lines"] += [
            (order_id, no, line_no, line.line_id, line.quantity) for line_no, line in enumerate(one.lines)
        ]


_BUILDERS: dict[str, Callable[[dict[str, list[Row]], int, Any], None]] = {
    "shipping": _shipping,
    "charges": _charges,
    "payments": _payments,
    "fulfilments": _fulfilments,
    "refunds": _refunds,
    "returns": _returns,
}


def _json(value: Any) -> str | None:  # noqa: ANN401 -- any part of a record
    """JSON text, or None of something empty."""
    return _encode(value).decode() if value else None


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - EPOCH) // _MICROSECOND


def _optional(money: Money | None) -> tuple[int | None, str | None]:
    return (None, None) if money is None else (money.minor, money.currency)
