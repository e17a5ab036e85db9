"""Money that must add up, order by order and to the minor unit."""

from pipelines.services.rule_words import worded

_ORDER = """
        SELECT orders.id AS order_id, NULL AS warehouse, NULL AS sku,
            connections.name || ' ' || orders.number || ': ' || <words> || ' ' || orders.currency
            || ' in minor units' AS record
        FROM orders
        JOIN connections ON connections.id = orders.connection_id
"""

MONEY_RULES: dict[str, str] = {
    "money": worded(
        _ORDER,
        """'total ' || orders.total_minor || ', parts '
            || (COALESCE(lines.minor, 0) + COALESCE(shipping.minor, 0) + COALESCE(charges.minor, 0))""",
        """
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
    ),
    "line_money": worded(
        _ORDER,
        """'line ' || order_lines.line_id || ' net ' || order_lines.net_minor || ' and tax '
            || order_lines.tax_minor || ', total ' || order_lines.total_minor""",
        """
        JOIN order_lines ON order_lines.order_id = orders.id
        WHERE order_lines.gone_revision IS NULL
            AND order_lines.total_minor <> order_lines.net_minor + order_lines.tax_minor
    """,
    ),
    # Only where the channel tells single refunds and payments in the shop's currency at all.
    "refunds": worded(
        _ORDER,
        """'refunded ' || COALESCE(orders.refunded_minor, 0) || ', single refunds ' || given.minor
            || ', paid ' || COALESCE(paid.minor, 0)""",
        """
        JOIN (
            SELECT refunds.order_id, SUM(refunds.amount_minor) AS minor
            FROM refunds
            JOIN orders ON orders.id = refunds.order_id AND orders.currency = refunds.currency
            GROUP BY refunds.order_id
        ) AS given ON given.order_id = orders.id
        LEFT JOIN (
            SELECT payments.order_id, SUM(payments.amount_minor) AS minor
            FROM payments
            JOIN orders ON orders.id = payments.order_id AND orders.currency = payments.currency
            WHERE payments.state IN ('captured', 'partially_refunded', 'refunded')
            GROUP BY payments.order_id
        ) AS paid ON paid.order_id = orders.id
        WHERE given.minor <> COALESCE(orders.refunded_minor, given.minor)
            OR given.minor > paid.minor
    """,
    ),
}
