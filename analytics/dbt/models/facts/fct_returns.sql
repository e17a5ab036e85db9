select return_key, order_key, line_id, quantity, reason, state, returned_at
from {{ source("store", "returns") }}
