"""Units that must add up, on every line of every order.

ordered = cancelled + open + shipped + elsewhere; what is allocated stands on picklists; kits are whole.
"""

from pipelines.services.rule_words import worded

_LINE = """
        SELECT order_lines.order_id AS order_id, NULL AS warehouse, NULL AS sku,
            connections.name || ' ' || orders.number || ' line ' || order_lines.line_id || ': ' || <words>
            AS record
        FROM order_lines
        JOIN orders ON orders.id = order_lines.order_id
        JOIN connections ON connections.id = orders.connection_id
"""

UNIT_RULES: dict[str, str] = {
    # Until the channel has taken our confirmation, our own parcel may look as if it were fulfilled elsewhere.
    # What has left can be cancelled afterwards: shipped and elsewhere are held against all that was ordered.
    "units": worded(
        _LINE,
        """'ordered ' || order_lines.ordered || ', cancelled ' || order_lines.cancelled
            || ', allocated ' || order_lines.allocated || ', picked ' || order_lines.picked
            || ', shipped ' || order_lines.shipped || ', delivered ' || order_lines.delivered
            || ', confirmed ' || order_lines.confirmed || ', elsewhere ' || order_lines.elsewhere
            || ', returned ' || order_lines.returned || ', in parcels ' || COALESCE(sent.units, 0)""",
        """
        LEFT JOIN (
            SELECT parcels.order_id, parcel_lines.line_no, SUM(parcel_lines.units) AS units
            FROM parcel_lines
            JOIN parcels ON parcels.id = parcel_lines.parcel_id
            GROUP BY parcels.order_id, parcel_lines.line_no
        ) AS sent ON sent.order_id = order_lines.order_id AND sent.line_no = order_lines.line_no
        WHERE order_lines.cancelled < 0
            OR order_lines.cancelled > order_lines.ordered
            OR order_lines.shipped <> COALESCE(sent.units, 0)
            OR order_lines.shipped > order_lines.allocated
            OR order_lines.shipped > order_lines.picked
            OR order_lines.delivered > order_lines.shipped
            OR order_lines.confirmed > order_lines.shipped
            OR order_lines.shipped > order_lines.ordered
            OR (order_lines.confirmed = order_lines.shipped
                AND order_lines.shipped + order_lines.elsewhere > order_lines.ordered)
            OR order_lines.returned < 0
            OR order_lines.returned > order_lines.ordered
            OR order_lines.allocated < 0
    """,
    ),
    "allocated": worded(
        _LINE,
        """'allocated ' || order_lines.allocated || ', picklists and parcels say '
            || COALESCE(given.least, 0) || ' to ' || COALESCE(given.most, 0)""",
        """
        LEFT JOIN (
            SELECT picklists.order_id, picklist_lines.line_no,
                SUM(CASE WHEN picklists.state IN ('shipped', 'cancelled') THEN COALESCE(sent.units, 0)
                    ELSE picklist_lines.units END) AS least,
                SUM(CASE WHEN picklists.state = 'cancelled' AND sent.units IS NULL THEN 0
                    ELSE picklist_lines.units END) AS most
            FROM picklist_lines
            JOIN picklists ON picklists.id = picklist_lines.picklist_id
            LEFT JOIN (
                SELECT parcels.picklist_id, parcel_lines.line_no, SUM(parcel_lines.units) AS units
                FROM parcel_lines
                JOIN parcels ON parcels.id = parcel_lines.parcel_id
                GROUP BY parcels.picklist_id, parcel_lines.line_no
            ) AS sent ON sent.picklist_id = picklists.id AND sent.line_no = picklist_lines.line_no
            GROUP BY picklists.order_id, picklist_lines.line_no
        ) AS given ON given.order_id = order_lines.order_id AND given.line_no = order_lines.line_no
        WHERE order_lines.allocated > COALESCE(given.most, 0)
            OR order_lines.allocated < COALESCE(given.least, 0)
    """,
    ),
    # What a change of the order has not reached yet (another revision, a cancellation that the WMS has not
    # answered, a parcel that a person stops) is on its way, and no fault.
    "over_allocated": worded(
        _LINE,
        """'allocated ' || (order_lines.allocated - order_lines.shipped) || ' beyond what is shipped, open '
            || (order_lines.ordered - order_lines.cancelled - order_lines.shipped - order_lines.elsewhere)""",
        """
        WHERE order_lines.allocated > order_lines.shipped
            AND order_lines.allocated > order_lines.ordered - order_lines.cancelled - order_lines.elsewhere
            AND orders.verification <> 'unverified'
            AND NOT EXISTS (
                SELECT 1 FROM picklists
                WHERE picklists.order_id = order_lines.order_id
                    AND (picklists.state IN ('cancelling', 'shipped', 'cancelled')
                        OR picklists.intercept = 1
                        OR picklists.order_revision <> orders.revision)
            )
    """,
    ),
    "kits": """
        SELECT picklists.order_id AS order_id, NULL AS warehouse, NULL AS sku,
            connections.name || ' ' || orders.number || ' picklist ' || picklists.reference || ' line '
            || picklist_lines.line_no || ': ' || picklist_lines.units || ' units of the line, '
            || COALESCE(allocations.units, 0) || ' of ' || COALESCE(allocations.sku, 'no SKU') AS record
        FROM picklists
        JOIN picklist_lines ON picklist_lines.picklist_id = picklists.id
        JOIN orders ON orders.id = picklists.order_id
        JOIN connections ON connections.id = orders.connection_id
        LEFT JOIN allocations ON allocations.picklist_id = picklist_lines.picklist_id
            AND allocations.line_no = picklist_lines.line_no
        WHERE picklists.state NOT IN ('shipped', 'cancelled')
            AND (allocations.units IS NULL
                OR allocations.released_at IS NOT NULL
                OR allocations.units % picklist_lines.units <> 0)
    """,
    "once": """
        SELECT MIN(outbox.order_id) AS order_id, NULL AS warehouse, NULL AS sku,
            connections.name || ' ' || outbox.reference || ': told twice' AS record
        FROM outbox
        JOIN connections ON connections.id = outbox.connection_id
        GROUP BY connections.name, outbox.connection_id, outbox.operation, outbox.reference
        HAVING COUNT(*) > 1
    """,
}
