select shipment_key, order_key, line_id, sku, bin, lot, quantity
from {{ source("store", "shipment_lines") }}
