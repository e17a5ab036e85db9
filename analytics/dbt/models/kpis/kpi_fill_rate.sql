select
    placed_day as day, channel, warehouse, carrier,
    sum(least(units_from_stock_first, shipped)) as units_filled,
    sum(ordered) as units_ordered,
    {{ rate("sum(least(units_from_stock_first, shipped))", "sum(ordered)") }} as fill_rate
from {{ ref("fct_order_lines") }}
where first_routed_at is not null
group by all
