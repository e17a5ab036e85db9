"""Says in events what a merge changed, without personal data."""

from collections.abc import Iterator, Mapping
from typing import Any

from normalization.records import CanonicalOrder
from order_store.merging import Merged
from order_store.versions import HEADER

QUANTITIES = ("ordered", "cancelled", "fulfilled", "returned")
KINDS = {
    "totals": "totals_changed",
    "buyer": "buyer_changed",
    "ship_to": "address_changed",
    "bill_to": "billing_address_changed",
    "shipping": "shipping_changed",
    "charges": "charges_changed",
    "discounts": "discounts_changed",
    "payments": "payments_changed",
    "fulfilments": "channel_fulfilments_changed",
    "refunds": "refunds_changed",
    "returns": "returns_changed",
    "notes": "notes_changed",
}


def changes(before: CanonicalOrder, merged: Merged) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """(kind, detail) of each event that a merge gives rise to."""
    after = merged.known.order
    if "order" in merged.changed:
        yield from _header(before, after)
    if "lines" in merged.changed:
        yield "lines_changed", _lines(before, after)
    for dataset, kind in KINDS.items():
        if dataset in merged.changed:
            yield kind, None


def _header(before: CanonicalOrder, after: CanonicalOrder) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if before.state is not after.state:
        yield "channel_state_changed", {"from": before.state.value, "to": after.state.value}
    if before.payment_state is not after.payment_state:
        yield "payment_changed", {"from": before.payment_state.value, "to": after.payment_state.value}
    told = ("state", "payment_state", "updated_at")
    fields = [name for name in HEADER if name not in told and getattr(before, name) != getattr(after, name)]
    if fields:
        yield "details_changed", {"fields": fields}


def _lines(before: CanonicalOrder, after: CanonicalOrder) -> Mapping[str, Any] | None:
    earlier = {line.line_id: line for line in before.lines or ()}
    told: dict[str, Any] = {}
    for line in after.lines or ():
        was = earlier.get(line.line_id)
        units = {
            name: [getattr(was, name, 0), getattr(line, name)]
            for name in QUANTITIES
            if getattr(was, name, 0) != getattr(line, name)
        }
        if units:
            told[line.line_id] = units
    return told or None
