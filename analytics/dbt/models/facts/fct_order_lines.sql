select
    lines.order_key, lines.channel, lines.line_id, lines.channel_sku, lines.sku,
    orders.placed_day, orders.warehouse, orders.carrier, orders.is_history, orders.currency,
    lines.ordered, lines.cancelled, lines.allocated, lines.picked, lines.shipped, lines.delivered, lines.returned,
    lines.elsewhere,
    greatest(0, lines.ordered - lines.cancelled - lines.shipped - lines.elsewhere) as open,
    lines.net_minor, lines.tax_minor, lines.total_minor,
    lines.first_routed_at, lines.backordered_at_first_routing, lines.units_from_stock_first
from {{ source("store", "order_lines") }} as lines
join {{ ref("fct_orders") }} as orders using (order_key)
