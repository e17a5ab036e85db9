select
    placed_day as day, channel, warehouse, carrier,
    count(*) as orders_delivered,
    sum(lead_time_seconds) as lead_time_seconds,
    avg(lead_time_seconds) / 3600 as mean_hours,
    median(lead_time_seconds) / 3600 as median_hours,
    quantile_cont(lead_time_seconds, 0.95) / 3600 as p95_hours
from {{ ref("fct_orders") }}
where lead_time_seconds is not null
group by all
