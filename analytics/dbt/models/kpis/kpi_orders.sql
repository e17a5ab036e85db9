select
    placed_day as day, channel, warehouse, carrier, currency,
    count(*) as orders,
    count(*) filter (status = 'cancelled') as orders_cancelled,
    sum(units_ordered - units_cancelled) as units,
    sum(net_minor) as revenue_minor,
    {{ major("sum(net_minor)", "max(currency_exponent)") }} as revenue
from {{ ref("fct_orders") }}
group by all
