select connection as channel, connector
from {{ source("store", "connections") }}
where kind = 'channel'
