select
    placed_day as day, channel, warehouse, carrier,
    count(*) filter (backordered_at_first_routing) as lines_backordered,
    count(*) as lines_routed,
    {{ rate("count(*) filter (backordered_at_first_routing)", "count(*)") }} as backorder_rate
from {{ ref("fct_order_lines") }}
where first_routed_at is not null
group by all
