SELECT
    connections.name || ':' || orders.external_id AS order_key,
    connections.name AS channel,
    order_lines.line_id,
    order_lines.channel_sku,
    order_lines.sku,
    order_lines.ordered,
    order_lines.cancelled,
    order_lines.allocated,
    order_lines.picked,
    order_lines.shipped,
    order_lines.delivered,
    order_lines.returned,
    order_lines.elsewhere,
    order_lines.net_minor,
    order_lines.tax_minor,
    order_lines.total_minor,
    order_lines.first_routed_at,
    order_lines.backordered_at_first_routing,
    order_lines.units_from_stock_first
FROM order_lines
JOIN orders ON orders.id = order_lines.order_id
JOIN connections ON connections.id = orders.connection_id
