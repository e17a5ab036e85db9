"""What must always add up: units, stock and money. Whatever does not is named, record by record."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

LIMIT = 100
"""So many violations of a rule are named; the rest would not say more."""

RULES: dict[str, str] = {
    "units": """
        SELECT connections.name || ' ' || orders.number || ' line ' || order_lines.line_id
            || ': ordered ' || order_lines.ordered || ', cancelled ' || order_lines.cancelled
            || ', allocated ' || order_lines.allocated || ', shipped ' || order_lines.shipped
            || ', delivered ' || order_lines.delivered
        FROM order_lines
        JOIN orders ON orders.id = order_lines.order_id
        JOIN connections ON connections.id = orders.connection_id
        WHERE order_lines.cancelled > order_lines.ordered
            OR order_lines.shipped > order_lines.allocated
            OR order_lines.delivered > order_lines.shipped
            OR order_lines.shipped > order_lines.ordered
            OR order_lines.allocated < 0
    """,
    "allocated": """
        SELECT connections.name || ' ' || orders.number || ' line ' || order_lines.line_id
            || ': allocated ' || order_lines.allocated
            || ', on standing picklists ' || COALESCE(given.units, 0)
        FROM order_lines
        JOIN orders ON orders.id = order_lines.order_id
        JOIN connections ON connections.id = orders.connection_id
        LEFT JOIN (
            SELECT picklists.order_id, picklist_lines.line_no, SUM(picklist_lines.units) AS units
            FROM picklist_lines
            JOIN picklists ON picklists.id = picklist_lines.picklist_id
            WHERE picklists.state <> 'cancelled'
                OR EXISTS (SELECT 1 FROM parcels WHERE parcels.picklist_id = picklists.id)
            GROUP BY picklists.order_id, picklist_lines.line_no
        ) AS given ON given.order_id = order_lines.order_id AND given.line_no = order_lines.line_no
        WHERE order_lines.allocated > COALESCE(given.units, 0)
    """,
    "reserved": """
        SELECT stock_positions.warehouse || ' ' || stock_positions.sku
            || ': reserved ' || stock_positions.reserved
            || ', standing allocations ' || COALESCE(given.units, 0)
        FROM stock_positions
        LEFT JOIN (
            SELECT warehouse, sku, SUM(units) AS units
            FROM allocations
            WHERE settled_at IS NULL
            GROUP BY warehouse, sku
        ) AS given ON given.warehouse = stock_positions.warehouse AND given.sku = stock_positions.sku
        WHERE stock_positions.reserved > COALESCE(given.units, 0) OR stock_positions.reserved < 0
    """,
    "money": """
        SELECT connections.name || ' ' || orders.number || ': total ' || orders.total_minor || ', parts '
            || (COALESCE(lines.minor, 0) + COALESCE(shipping.minor, 0) + COALESCE(charges.minor, 0))
            || ' ' || orders.currency || ' in minor units'
        FROM orders
        JOIN connections ON connections.id = orders.connection_id
        LEFT JOIN (
            SELECT order_id, SUM(total_minor) AS minor
            FROM order_lines
            WHERE gone_revision IS NULL
            GROUP BY order_id
        ) AS lines ON lines.order_id = orders.id
        LEFT JOIN (SELECT order_id, SUM(total_minor) AS minor FROM order_shipping GROUP BY order_id)
            AS shipping ON shipping.order_id = orders.id
        LEFT JOIN (SELECT order_id, SUM(total_minor) AS minor FROM order_charges GROUP BY order_id)
            AS charges ON charges.order_id = orders.id
        WHERE orders.total_minor IS NOT NULL
            AND orders.total_minor
                <> COALESCE(lines.minor, 0) + COALESCE(shipping.minor, 0) + COALESCE(charges.minor, 0)
    """,
    "once": """
        SELECT connections.name || ' ' || outbox.reference || ': told twice'
        FROM outbox
        JOIN connections ON connections.id = outbox.connection_id
        GROUP BY connections.name, outbox.connection_id, outbox.operation, outbox.reference
        HAVING COUNT(*) > 1
    """,
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One record that does not add up."""

    rule: str
    record: str


def violations(tx: Connection, rule: str) -> list[Violation]:
    """The records that break a rule of RULES; empty if all is well. Names no person."""
    found = tx.execute(text(RULES[rule] + f" LIMIT {LIMIT}"))
    return [Violation(rule, row[0]) for row in found]
