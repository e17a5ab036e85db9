"""Stock that must add up, at every warehouse: reservations, bins, and no unit promised twice."""

from pipelines.services.rule_words import worded

_POSITION = """
        SELECT NULL AS order_id, stock_positions.warehouse AS warehouse, stock_positions.sku AS sku,
            stock_positions.warehouse || ' ' || stock_positions.sku || ': ' || <words> AS record
        FROM stock_positions
"""

STOCK_RULES: dict[str, str] = {
    # The same figure as order_store.stock.recount sets: what the newest snapshot cannot reflect yet.
    "reserved": worded(
        _POSITION,
        """'reserved ' || stock_positions.reserved || ', standing allocations '
            || COALESCE(given.units, 0)""",
        """
        LEFT JOIN (
            SELECT allocations.warehouse, allocations.sku,
                SUM(CASE
                    WHEN own.basis = 'net_of_accepted' AND allocations.accepted_at < own.observed_at THEN 0
                    WHEN own.basis = 'physical' AND allocations.shipped_at < own.observed_at
                        THEN allocations.units - allocations.shipped
                    ELSE allocations.units
                END) AS units
            FROM allocations
            JOIN stock_positions AS own
                ON own.warehouse = allocations.warehouse AND own.sku = allocations.sku
            WHERE allocations.settled_at IS NULL
            GROUP BY allocations.warehouse, allocations.sku
        ) AS given ON given.warehouse = stock_positions.warehouse AND given.sku = stock_positions.sku
        WHERE stock_positions.reserved <> COALESCE(given.units, 0)
    """,
    ),
    # A snapshot below what is promised opens a shortage, which is a fact; without one, the hub oversold.
    "oversold": worded(
        _POSITION,
        "'on hand ' || stock_positions.on_hand || ', promised ' || stock_positions.reserved",
        """
        WHERE stock_positions.reserved > 0
            AND stock_positions.reserved > stock_positions.on_hand
            AND NOT EXISTS (
                SELECT 1 FROM stock_shortages
                WHERE stock_shortages.warehouse = stock_positions.warehouse
                    AND stock_shortages.sku = stock_positions.sku
                    AND stock_shortages.ended_at IS NULL
            )
    """,
    ),
    "bins": worded(
        _POSITION,
        "'on hand ' || stock_positions.on_hand || ', in its bins ' || COALESCE(shelves.units, 0)",
        """
        LEFT JOIN (
            SELECT warehouse, sku, SUM(on_hand) AS units FROM stock_bins GROUP BY warehouse, sku
        ) AS shelves ON shelves.warehouse = stock_positions.warehouse AND shelves.sku = stock_positions.sku
        WHERE stock_positions.on_hand <> COALESCE(shelves.units, 0)
    """,
    ),
}
