select
    shipments.shipment_key,
    shipments.order_key,
    shipments.channel,
    shipments.warehouse,
    shipments.carrier,
    shipments.tracking_number,
    shipments.tracking_status,
    shipments.shipped_at,
    shipments.dispatch_due_at,
    shipments.delivered_at,
    shipments.confirmed_at,
    {{ local_day("shipments.shipped_at", "coalesce(warehouses.time_zone, 'UTC')") }} as dispatch_day,
    shipments.shipped_at <= shipments.dispatch_due_at as on_time,
    shipments.units
from {{ source("store", "shipments") }} as shipments
left join {{ source("store", "warehouses") }} as warehouses using (warehouse)
