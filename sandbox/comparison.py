"""The hub compared with the truth, figure by figure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.ledger import Figures, LineFigures, OrderFigures, summary

ORDER_FIGURES = ("currency", "total", "refunded", "tracking_numbers", "told_tracking_numbers")
LINE_FIGURES = (
    *("channel_sku", "ordered", "cancelled", "shipped", "delivered", "confirmed", "returned", "total"),
)
MAY_BE_UNKNOWN = ("refunded", "returned")
"""Figures that some channels never tell (Amazon's orders have no refunds): the hub may say None to them."""
MUST_OCCUR = (
    *("orders", "amount", "parcels", "told_parcels"),
    *("ordered", "cancelled", "shipped", "delivered", "confirmed"),
)
"""What must have happened at every connection for the comparison to prove anything."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """One figure in which the hub and the truth differ; None where one of them knows no such thing."""

    connection: str
    external_id: str
    line_id: str
    figure: str
    truth: object
    hub: object

    def __str__(self) -> str:
        place = " ".join(part for part in (self.connection, self.external_id, self.line_id) if part)
        return f"{place or 'everything'}: {self.figure} is {self.truth!r} in truth, {self.hub!r} in the hub"


def compare(truth: Figures, hub: Figures, must_occur: Sequence[str] = MUST_OCCUR) -> list[Divergence]:
    """Every figure in which the two differ.

    Args:
        truth: What `sandbox.ledger.ledger` says.
        hub: The same figures, from what the hub knows. It need not fill `stray_parcels` and `surplus`.
        must_occur: Sums of `sandbox.ledger.summary` that may not be zero at any connection.

    Returns:
        Divergences; also one for each order or line that only one side has, for a sum that is zero, for
        parcels that reached nobody, and for goods that were sent and never ordered.
    """
    return [*_orders(truth, hub), *_wrongly_sent(truth), *_zeros(truth, must_occur)]


def _orders(truth: Figures, hub: Figures) -> Iterator[Divergence]:
    theirs = {(order["connection"], order["external_id"]): order for order in truth["orders"]}
    ours: dict[tuple[str, str], OrderFigures] = {}
    for order in hub["orders"]:
        key = (order["connection"], order["external_id"])
        if key in ours:
            yield Divergence(*key, "", "order", "once", "twice")
        ours[key] = order
    for key in sorted(theirs.keys() | ours.keys()):
        if key not in ours or key not in theirs:
            yield Divergence(*key, "", "order", *(_there(key in side) for side in (theirs, ours)))
            continue
        yield from _figures(key, "", ORDER_FIGURES, theirs[key], ours[key])
        yield from _lines(key, theirs[key], ours[key])


def _lines(key: tuple[str, str], truth: OrderFigures, hub: OrderFigures) -> Iterator[Divergence]:
    theirs: dict[str, LineFigures] = {line["line_id"]: line for line in truth["lines"]}
    ours: dict[str, LineFigures] = {line["line_id"]: line for line in hub["lines"]}
    for line_id in sorted(theirs.keys() | ours.keys()):
        if line_id not in ours or line_id not in theirs:
            yield Divergence(*key, line_id, "line", *(_there(line_id in side) for side in (theirs, ours)))
        else:
            yield from _figures(key, line_id, LINE_FIGURES, theirs[line_id], ours[line_id])


def _figures(
    key: tuple[str, str],
    line_id: str,
    names: tuple[str, ...],
    truth: Mapping[str, object],
    hub: Mapping[str, object],
) -> Iterator[Divergence]:
    for name in names:
        theirs, ours = _plain(truth.get(name)), _plain(hub.get(name))
        if theirs != ours and not (ours is None and name in MAY_BE_UNKNOWN):
            yield Divergence(*key, line_id, name, theirs, ours)


def _plain(value: object) -> object:
    """A figure as it compares: lists sorted, so that their order and kind do not matter."""
    return sorted(map(str, value)) if isinstance(value, list | tuple) else value


def _there(present: bool) -> str | None:
    return "there" if present else None


def _wrongly_sent(truth: Figures) -> Iterator[Divergence]:
    for number in truth["stray_parcels"]:
        yield Divergence("", "", "", f"parcel {number} reached nobody who ordered", 1, None)
    for order, units in truth["surplus"].items():
        connection, _, external_id = order.partition(" ")
        for sku, count in units.items():
            yield Divergence(connection, external_id, "", f"{sku} sent and not ordered", count, None)


def _zeros(truth: Figures, must_occur: Sequence[str]) -> Iterator[Divergence]:
    sums = summary(truth)
    if must_occur and not sums:
        yield Divergence("", "", "", "orders", 0, None)
    for connection, of_connection in sums.items():
        for name in must_occur:
            if not of_connection.get(name):
                yield Divergence(connection, "", "", f"sum of {name}", 0, None)
