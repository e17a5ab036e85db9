"""Holds what does not balance, and releases what does again. One fault never holds the batch."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from order_store.imbalances import Imbalance, hold_imbalances, standing_imbalances
from pipelines.hub import Hub
from pipelines.services.conservation import Violation, all_violations

EVERYWHERE = 2
"""A SKU that does not balance at so many warehouses is held everywhere: then the fault is in the SKU (an
alias, a kit, a unit of measure), and not on a shelf."""


@dataclass(frozen=True, slots=True)
class BalanceResult:
    """What does not balance.

    Attributes:
        orders: Orders that are held for it.
        skus: SKUs that are held for it, per warehouse; everywhere counts once more.
        held: Of these, imbalances that are new.
        released: Imbalances that have ended.
    """

    orders: int = 0
    skus: int = 0
    held: int = 0
    released: int = 0


def balance_books(hub: Hub) -> BalanceResult:
    """Look at all units, stock and money; hold each order and SKU that does not balance.

    What balances again is released. It runs before every routing, so that nothing is routed on figures
    that cannot be.
    """
    with hub.store.read() as tx:
        found = as_imbalances(all_violations(tx, limit=None))
        if not found and not standing_imbalances(tx):
            return BalanceResult()
    with hub.store.begin() as tx:
        settled = hold_imbalances(tx, found, hub.clock.now())
    return BalanceResult(
        orders=len({one.order_id for one in found if one.order_id is not None}),
        skus=len({(one.warehouse, one.sku) for one in found if one.sku is not None}),
        held=settled.held,
        released=settled.released,
    )


def as_imbalances(found: Iterable[Violation]) -> list[Imbalance]:
    """What is to be held for violations; a SKU that fails at several warehouses, everywhere."""
    held: list[Imbalance] = []
    places: dict[str, set[str]] = defaultdict(set)
    for one in found:
        detail = f"{one.rule}: {one.record}. Remedy: {one.remedy}"
        # An order may break a rule on several lines.
        subject = one.record.partition(": ")[0] if one.order_id is not None else one.subject
        held.append(Imbalance(one.rule, subject, detail, one.order_id, one.warehouse, one.sku))
        if one.sku is not None and one.warehouse is not None:
            places[one.sku].add(one.warehouse)
    for sku, warehouses in sorted(places.items()):
        if len(warehouses) >= EVERYWHERE:
            detail = f"it does not balance at {', '.join(sorted(warehouses))}. Remedy: `orderhub doctor`"
            held.append(Imbalance("sku", f"sku {sku}", detail, sku=sku))
    return held
