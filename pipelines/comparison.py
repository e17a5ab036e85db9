"""What the hub knows, in the figures by which the sandbox's ledger compares it (docs/sandbox.md)."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from order_store.engine import Store
from order_store.schema.fulfilment import parcels
from order_store.schema.orders import order_lines, orders
from order_store.schema.reading import connections
from sandbox.comparison import Divergence, compare
from sandbox.ledger import Figures, LineFigures, OrderFigures, summary

TELL_REFUNDS = ("shopify", "vendure")
"""Channels whose refunds are returns of money for goods: Amazon's are in its Finances API, and WooCommerce
books units that were taken off before shipping as refunds too."""
TELL_RETURNS = ("shopify",)
"""Channels that say of a refund whether goods came back."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The hub beside the truth.

    Attributes:
        truth, hub: Sums per channel connection.
        orders: How many orders were compared, line by line.
    """

    truth: Mapping[str, Mapping[str, int]]
    hub: Mapping[str, Mapping[str, int]]
    orders: int
    divergences: Sequence[Divergence]

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=1, default=str) + "\n", encoding="utf-8")
        partial.replace(path)


def compare_with_truth(store: Store, truth: Figures) -> Comparison:
    """Compare everything in the store with a sandbox's ledger."""
    with store.read() as tx:
        ours = hub_figures(tx)
    return Comparison(summary(truth), summary(ours), len(truth["orders"]), compare(truth, ours))


def hub_figures(tx: Connection) -> Figures:
    """Every order of the store with what became of it."""
    lines: dict[int, list[Any]] = defaultdict(list)
    for line in tx.execute(select(order_lines).order_by(order_lines.c.order_id, order_lines.c.line_no)):
        lines[line.order_id].append(line)
    sent: dict[int, list[Any]] = defaultdict(list)
    for parcel in tx.execute(select(parcels).order_by(parcels.c.id)):
        sent[parcel.order_id].append(parcel)
    query = select(orders, connections.c.name, connections.c.connector).join(connections)
    found = [_order(row, lines[row.id], sent[row.id]) for row in tx.execute(query.order_by(orders.c.id))]
    return Figures(orders=found, stray_parcels=[], surplus={})


def _order(row: Any, lines: Sequence[Any], sent: Sequence[Any]) -> OrderFigures:  # noqa: ANN401 -- rows
    return OrderFigures(
        connection=row.name,
        external_id=row.external_id,
        currency=row.currency,
        total=row.total_minor or 0,
        refunded=(row.refunded_minor or 0) if row.connector in TELL_REFUNDS else None,
        tracking_numbers=sorted(parcel.tracking_number or "" for parcel in sent),
        told_tracking_numbers=sorted(parcel.tracking_number or "" for parcel in sent if parcel.confirmed_at),
        lines=[_line(line, tells_returns=row.connector in TELL_RETURNS) for line in lines],
    )


def _line(line: Any, *, tells_returns: bool) -> LineFigures:  # noqa: ANN401 -- a row
    return LineFigures(
        line_id=line.line_id,
        channel_sku=line.channel_sku or "",
        ordered=line.ordered,
        cancelled=line.cancelled,
        shipped=line.shipped,
        delivered=line.delivered,
        confirmed=line.confirmed,
        returned=line.returned if tells_returns else None,
        total=line.total_minor,
    )
