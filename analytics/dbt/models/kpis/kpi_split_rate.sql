select
    placed_day as day, channel, warehouse, carrier,
    count(*) filter (allocation_sites > 1) as orders_split,
    count(*) as orders_allocated,
    {{ rate("count(*) filter (allocation_sites > 1)", "count(*)") }} as split_rate
from {{ ref("fct_orders") }}
where allocation_sites > 0
group by all
