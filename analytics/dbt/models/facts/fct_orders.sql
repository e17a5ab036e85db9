-- An order belongs to the warehouse and carrier of its parcels: to 'several' if there is more than one, to 'none' if
-- there is no parcel yet. So every order counts once, and days, channels, warehouses and carriers add up.
with parcels as (
    select
        order_key,
        count(*) as parcels,
        count(distinct warehouse) as warehouses_shipping,
        case when count(distinct warehouse) > 1 then 'several' else min(warehouse) end as warehouse,
        case when count(distinct carrier) > 1 then 'several' else min(carrier) end as carrier,
        max(delivered_at) as last_delivered_at
    from {{ ref("fct_shipments") }}
    group by order_key
),
lines as (
    select
        order_key,
        sum(ordered) as units_ordered,
        sum(cancelled) as units_cancelled,
        sum(shipped) as units_shipped,
        sum(delivered) as units_delivered,
        sum(returned) as units_returned
    from {{ source("store", "order_lines") }}
    group by order_key
),
wrong as (
    -- What was only asked for, declined or called off is no return.
    select distinct order_key
    from {{ source("store", "returns") }}
    where reason = 'wrong_item'
        and state not in ('requested', 'declined', 'canceled', 'cancelled')
)
select
    orders.order_key,
    orders.channel,
    orders.external_id,
    orders.number,
    orders.status,
    orders.is_history,
    orders.placed_at,
    {{ local_day("orders.placed_at", merchant_zone()) }} as placed_day,
    orders.ship_by,
    orders.country_code,
    orders.currency,
    currencies.exponent as currency_exponent,
    orders.total_minor,
    orders.tax_minor,
    orders.total_minor - orders.tax_minor as net_minor,
    orders.allocation_sites,
    coalesce(parcels.warehouse, 'none') as warehouse,
    coalesce(parcels.carrier, 'none') as carrier,
    coalesce(parcels.parcels, 0) as parcels,
    coalesce(lines.units_ordered, 0) as units_ordered,
    coalesce(lines.units_cancelled, 0) as units_cancelled,
    coalesce(lines.units_shipped, 0) as units_shipped,
    coalesce(lines.units_delivered, 0) as units_delivered,
    coalesce(lines.units_returned, 0) as units_returned,
    wrong.order_key is not null as has_wrong_item_return,
    case when orders.status = 'delivered' then parcels.last_delivered_at end as delivered_at,
    case when orders.status = 'delivered'
        then epoch(parcels.last_delivered_at) - epoch(orders.placed_at)
    end as lead_time_seconds
from {{ source("store", "orders") }} as orders
join {{ source("store", "currencies") }} as currencies using (currency)
left join parcels using (order_key)
left join lines using (order_key)
left join wrong using (order_key)
