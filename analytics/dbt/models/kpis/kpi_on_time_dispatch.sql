select
    dispatch_day as day, channel, warehouse, carrier,
    count(*) filter (on_time) as parcels_on_time,
    count(*) as parcels_dispatched,
    {{ rate("count(*) filter (on_time)", "count(*)") }} as on_time_dispatch_rate
from {{ ref("fct_shipments") }}
where shipped_at is not null and dispatch_due_at is not null
group by all
