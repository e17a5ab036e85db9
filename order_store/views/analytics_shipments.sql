SELECT
    connections.name || ':' || orders.external_id || ':' || CAST(parcels.sequence AS TEXT) AS shipment_key,
    connections.name || ':' || orders.external_id AS order_key,
    connections.name AS channel,
    picklists.warehouse,
    parcels.carrier,
    parcels.tracking_number,
    parcels.status AS tracking_status,
    parcels.shipped_at,
    picklists.dispatch_due_at,
    parcels.delivered_at,
    parcels.confirmed_at,
    (
        SELECT COALESCE(SUM(parcel_items.quantity), 0)
        FROM parcel_items
        WHERE parcel_items.parcel_id = parcels.id
    ) AS units
FROM parcels
JOIN picklists ON picklists.id = parcels.picklist_id
JOIN orders ON orders.id = parcels.order_id
JOIN connections ON connections.id = orders.connection_id
