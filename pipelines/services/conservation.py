"""What must always add up: units, stock and money. Whatever does not is named, record by record.

Each rule is one statement over the store that gives the records which break it: of an order its id, of
stock the warehouse and the SKU, and the words that name the figures. The same SQL runs on SQLite and on
PostgreSQL. `pipelines.services.balance` holds what is found here until it adds up.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from pipelines.services.rules_money import MONEY_RULES
from pipelines.services.rules_stock import STOCK_RULES
from pipelines.services.rules_units import UNIT_RULES

LIMIT = 100
"""So many violations of a rule are named; the rest would not say more."""

RULES: dict[str, str] = UNIT_RULES | STOCK_RULES | MONEY_RULES
"""Each gives the columns order_id, warehouse, sku and record."""

REMEDIES: dict[str, str] = {
    "units": "`orderhub doctor --repair` counts the line anew from its parcels",
    "allocated": "`orderhub doctor --repair` sets the line to what its picklists and parcels say",
    "over_allocated": "the next round cancels the picklists that are too many",
    "kits": "cancel the picklist at the warehouse, so that whole kits are allocated anew",
    "reserved": "`orderhub doctor --repair` counts reservations anew from the allocations",
    "oversold": "read the warehouse's stock again; if it stays, count the shelf",
    "bins": "read the warehouse's stock again (`orderhub sync WMS`, or `orderhub doctor --repair`)",
    "money": "read the order again (`orderhub doctor --repair`), or mend it in the channel",
    "line_money": "read the order again (`orderhub doctor --repair`)",
    "refunds": "read the order again (`orderhub doctor --repair`), or mend its refunds in the channel",
    "once": "look at the vendor whether it was done twice, and `orderhub outbox dismiss` one of the messages",
}
"""What brings each rule into balance again."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One record that does not add up.

    Attributes:
        record: It in words, with its figures. Names no person.
        order_id: The order concerned, if it is one.
        warehouse, sku: The stock position concerned, if it is one.
    """

    rule: str
    record: str
    order_id: int | None = None
    warehouse: str | None = None
    sku: str | None = None

    @property
    def subject(self) -> str:
        """The natural key of what does not balance."""
        return f"order {self.order_id}" if self.order_id is not None else f"stock {self.warehouse} {self.sku}"

    @property
    def remedy(self) -> str:
        """What brings it into balance again."""
        return REMEDIES[self.rule]


def violations(tx: Connection, rule: str, limit: int | None = LIMIT) -> list[Violation]:
    """The records that break a rule of RULES; empty if all is well. Names no person.

    Args:
        tx: A transaction.
        rule: One of RULES.
        limit: How many at most; None for all.
    """
    found = tx.execute(text(RULES[rule] + (f" LIMIT {limit}" if limit is not None else "")))
    return [Violation(rule, row.record, row.order_id, row.warehouse, row.sku) for row in found]


def all_violations(tx: Connection, limit: int | None = LIMIT) -> list[Violation]:
    """The records that break any rule."""
    return [one for rule in RULES for one in violations(tx, rule, limit)]
