select
    placed_day as day, channel, warehouse, carrier,
    count(*) - count(*) filter (has_wrong_item_return) as orders_right,
    count(*) as orders_shipped,
    100 * {{ rate("count(*) - count(*) filter (has_wrong_item_return)", "count(*)") }} as picking_accuracy_percent
from {{ ref("fct_orders") }}
where units_shipped > 0
group by all
