"""The world's own books, in the figures that the hub is compared by. How each is known: docs/sandbox.md."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypedDict

from sandbox.deliveries import parcels_by_order, units_by_line
from sandbox.world import ShopOrder, WarehouseShipment, World


class LineFigures(TypedDict):
    """What became of one order line: units, and its total in minor units of the order's currency.

    `returned` is None where somebody cannot know it; the ledger always does.
    """

    line_id: str
    channel_sku: str
    ordered: int
    cancelled: int
    shipped: int
    delivered: int
    confirmed: int
    returned: int | None
    total: int


class OrderFigures(TypedDict):
    """What became of one order. Tracking numbers are sorted; `told_tracking_numbers` reached the channel.

    `refunded` is None where somebody cannot know it; the ledger always does.
    """

    connection: str
    external_id: str
    currency: str
    total: int
    refunded: int | None
    tracking_numbers: Sequence[str]
    told_tracking_numbers: Sequence[str]
    lines: Sequence[LineFigures]


class Figures(TypedDict):
    """Everything: orders, shipped parcels that belong to no order, and goods that nobody ordered."""

    orders: Sequence[OrderFigures]
    stray_parcels: Sequence[str]
    surplus: Mapping[str, Mapping[str, int]]


def ledger(world: World) -> Figures:
    """The truth about every order, as of now. Surplus is by "connection external_id", then SKU."""
    with world.lock:
        parcels = parcels_by_order(world)
        surplus: dict[str, dict[str, int]] = {}
        orders = []
        for key, order in world.orders.items():
            shipments = parcels.get(key, [])
            figures, left_over = _order(world, order, shipments)
            orders.append(figures)
            if left_over:
                surplus[" ".join(key)] = left_over
        strays = [shipment.tracking_number or "" for shipment in parcels.get(("", ""), [])]
        return Figures(orders=orders, stray_parcels=sorted(strays), surplus=surplus)


def summary(figures: Figures) -> dict[str, dict[str, int]]:
    """Sums per connection: orders, their amount, parcels, and each of the lines' unit figures.

    The amount is in minor units; every connection of the sandbox sells in one currency.
    """
    sums: dict[str, Counter[str]] = {}
    for order in figures["orders"]:
        of_connection = sums.setdefault(order["connection"], Counter())
        of_connection["orders"] += 1
        of_connection["parcels"] += len(order["tracking_numbers"])
        of_connection["amount"] += order["total"]
        of_connection["told_parcels"] += len(order["told_tracking_numbers"])
        for line in order["lines"]:
            of_connection["ordered"] += line["ordered"]
            of_connection["cancelled"] += line["cancelled"]
            of_connection["shipped"] += line["shipped"]
            of_connection["delivered"] += line["delivered"]
            of_connection["confirmed"] += line["confirmed"]
            of_connection["returned"] += line["returned"] or 0
    return {name: dict(counts) for name, counts in sorted(sums.items())}


def _order(
    world: World, order: ShopOrder, shipments: Sequence[WarehouseShipment]
) -> tuple[OrderFigures, dict[str, int]]:
    arrived = [shipment for shipment in shipments if _is_delivered(world, shipment)]
    shipped, surplus = units_by_line(world, order, shipments)
    delivered, _ = units_by_line(world, order, arrived)
    by_hub = [told for told in order.told if told.by_hub]
    lines = [
        LineFigures(
            line_id=line.line_id,
            channel_sku=line.channel_sku,
            ordered=line.quantity,
            cancelled=line.removed,
            shipped=shipped[line.line_id],
            delivered=delivered[line.line_id],
            confirmed=sum(told.lines.get(line.line_id, 0) for told in by_hub),
            returned=line.returned,
            total=line.amounts(order.taxes_included).total,
        )
        for line in order.lines
    ]
    figures = OrderFigures(
        connection=order.channel,
        external_id=order.external_id,
        currency=order.currency,
        total=order.total(),
        refunded=sum(refund.amount for refund in order.refunds),
        tracking_numbers=sorted(shipment.tracking_number or "" for shipment in shipments),
        told_tracking_numbers=sorted(told.tracking_number or "" for told in by_hub),
        lines=lines,
    )
    return figures, surplus


def _is_delivered(world: World, shipment: WarehouseShipment) -> bool:
    parcel = world.parcels.get(shipment.tracking_number or "")
    return parcel is not None and parcel.delivered_at is not None
