with span as (
    select min(placed_at) as first_at, max(placed_at) as last_at
    from {{ source("store", "orders") }}
)
select
    cast(day as date) as day,
    extract(isodow from day) as iso_weekday,
    extract(week from day) as iso_week,
    extract(month from day) as month,
    extract(year from day) as year
from span, generate_series(
    cast(first_at as date) - 1, cast(last_at as date) + 60, interval 1 day
) as days(day)
