SELECT
    connections.name || ':' || orders.external_id AS order_key,
    connections.name AS channel,
    orders.external_id,
    orders.number,
    orders.status,
    orders.is_history,
    orders.placed_at,
    orders.ship_by,
    orders.country_code,
    orders.currency,
    COALESCE(orders.total_minor, 0) AS total_minor,
    COALESCE(orders.tax_minor, 0) AS tax_minor,
    (
        SELECT COUNT(DISTINCT picklists.warehouse)
        FROM picklists
        WHERE picklists.order_id = orders.id AND picklists.state <> 'cancelled'
    ) AS allocation_sites
FROM orders
JOIN connections ON connections.id = orders.connection_id
