SELECT
    connections.name || ':' || orders.external_id || ':' || CAST(parcels.sequence AS TEXT) AS shipment_key,
    parcels.tracking_number,
    tracking_events.occurred_at,
    tracking_events.status,
    tracking_events.code,
    tracking_events.city,
    tracking_events.country_code
FROM tracking_events
JOIN parcels ON parcels.id = tracking_events.parcel_id
JOIN orders ON orders.id = parcels.order_id
JOIN connections ON connections.id = orders.connection_id
