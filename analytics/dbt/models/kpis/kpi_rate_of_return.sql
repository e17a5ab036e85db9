select
    placed_day as day, channel, warehouse, carrier,
    sum(least(units_returned, units_shipped)) as units_returned,
    sum(units_shipped) as units_shipped,
    {{ rate("sum(least(units_returned, units_shipped))", "sum(units_shipped)") }} as rate_of_return
from {{ ref("fct_orders") }}
where units_shipped > 0
group by all
