select distinct carrier
from {{ source("store", "shipments") }}
where carrier is not null
