select sku, title, weight_g, lot_tracked
from {{ source("store", "skus") }}
