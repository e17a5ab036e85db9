select warehouse, name, country_code, time_zone
from {{ source("store", "warehouses") }}
