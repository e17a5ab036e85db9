SELECT
    connections.name || ':' || orders.external_id || ':' || CAST(parcels.sequence AS TEXT) AS shipment_key,
    connections.name || ':' || orders.external_id AS order_key,
    order_lines.line_id,
    parcel_items.sku,
    parcel_items.bin,
    parcel_items.lot,
    parcel_items.quantity
FROM parcel_items
JOIN parcels ON parcels.id = parcel_items.parcel_id
JOIN order_lines ON order_lines.order_id = parcels.order_id AND order_lines.line_no = parcel_items.line_no
JOIN orders ON orders.id = parcels.order_id
JOIN connections ON connections.id = orders.connection_id
