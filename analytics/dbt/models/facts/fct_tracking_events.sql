select
    events.shipment_key, events.tracking_number, shipments.carrier, events.occurred_at,
    events.status, events.code, events.city, events.country_code
from {{ source("store", "tracking_events") }} as events
join {{ source("store", "shipments") }} as shipments using (shipment_key)
