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
    # Vendure's discount counts what was taken off shipping too, which no line tells.
    "money": worded(
        _ORDER,
        """'total ' || orders.total_minor || ', parts '
            || (COALESCE(lines.minor, 0) + COALESCE(shipping.minor, 0) + COALESCE(charges.minor, 0))
            || '; tax ' || orders.tax_minor || ', parts '
            || (COALESCE(lines.tax, 0) + COALESCE(shipping.tax, 0) + COALESCE(charges.tax, 0))
            || '; shipping ' || orders.shipping_minor || ', parts ' || COALESCE(shipping.minor, 0)
            || '; discount ' || orders.discount_minor || ', parts ' || COALESCE(lines.discount, 0)""",
        """
        LEFT JOIN (
            SELECT order_id, SUM(total_minor) AS minor, SUM(tax_minor) AS tax, SUM(discount_minor) AS discount
            FROM order_lines
            WHERE gone_revision IS NULL
            GROUP BY order_id
        ) AS lines ON lines.order_id = orders.id
        LEFT JOIN (
            SELECT order_id, SUM(total_minor) AS minor, SUM(tax_minor) AS tax
            FROM order_shipping
            GROUP BY order_id
        ) AS shipping ON shipping.order_id = orders.id
        LEFT JOIN (
            SELECT order_id, SUM(total_minor) AS minor, SUM(tax_minor) AS tax
            FROM order_charges
            GROUP BY order_id
        ) AS charges ON charges.order_id = orders.id
        WHERE orders.total_minor
                <> COALESCE(lines.minor, 0) + COALESCE(shipping.minor, 0) + COALESCE(charges.minor, 0)
            OR orders.tax_minor
                <> COALESCE(lines.tax, 0) + COALESCE(shipping.tax, 0) + COALESCE(charges.tax, 0)
            OR orders.shipping_minor <> COALESCE(shipping.minor, 0)
            OR (orders.discount_minor <> COALESCE(lines.discount, 0) AND connections.connector <> 'vendure')
    """,
    ),
    "line_money": worded(
        _ORDER,
        """'line ' || order_lines.line_id || ' net ' || order_lines.net_minor || ' and tax '
            || order_lines.tax_minor || ', total ' || order_lines.total_minor || ', gross '
            || order_lines.gross_minor || ' less ' || order_lines.discount_minor""",
        """
        JOIN order_lines ON order_lines.order_id = orders.id
        WHERE order_lines.gone_revision IS NULL
            AND (order_lines.total_minor <> order_lines.net_minor + order_lines.tax_minor
                OR order_lines.gross_minor - order_lines.discount_minor
                    <> CASE WHEN orders.taxes_included = 1 THEN order_lines.total_minor
                        ELSE order_lines.net_minor END)
    """,
    ),
    # Single refunds and payments count only where the channel tells them in the shop's currency. Without
    # payments no more goes back than the total; that is smaller than what was paid where units are cancelled.
    "refunds": worded(
        _ORDER,
        """'refunded ' || COALESCE(orders.refunded_minor, 0) || ', single refunds '
            || COALESCE(given.minor, 0) || ', paid ' || COALESCE(paid.minor, 0)
            || ', total ' || COALESCE(orders.total_minor, 0)""",
        """
        LEFT JOIN (
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
            OR orders.refunded_minor < 0
            OR orders.refunded_minor > COALESCE(paid.minor, CASE
                WHEN orders.cancelled_at IS NULL AND NOT EXISTS (
                    SELECT 1 FROM order_lines
                    WHERE order_lines.order_id = orders.id AND order_lines.cancelled > 0
                ) THEN orders.total_minor END)
    """,
    ),
}
