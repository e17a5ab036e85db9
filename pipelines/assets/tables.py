"""The order store's tables as the lineage shows them: whoever writes, and whoever reads, meets here.

They are external assets, which no run materializes. That is the point: in a run of many connections a shared
asset depends on what is stored, not on each connection's step, so one vendor that is down is one red step
and stops nobody else.
"""

from collections.abc import Iterable, Mapping

import dagster as dg

from pipelines.assets.reporting import OWNERS

ORDERS = dg.AssetKey(["order_store", "orders"])
STOCK = dg.AssetKey(["order_store", "stock"])
PICKLISTS_SENT = dg.AssetKey(["order_store", "picklists"])
PARCELS = dg.AssetKey(["order_store", "parcels"])
TRACKING = dg.AssetKey(["order_store", "tracking_events"])

DESCRIPTIONS = {
    ORDERS: "Orders of all channels with lines, holds and quarantine; each channel writes its own rows.",
    STOCK: "Stock of all warehouses; each WMS writes its own rows.",
    PICKLISTS_SENT: "Picklists that WMSs were given and have answered for.",
    PARCELS: "Parcels of all warehouses with their lines, carrier and tracking number.",
    TRACKING: "Scans of all parcels.",
}


def store_tables(store_url: str, writers: Mapping[dg.AssetKey, Iterable[dg.AssetKey]]) -> list[dg.AssetSpec]:
    """One external asset a table.

    Args:
        store_url: The order store's URL; only its dialect is shown.
        writers: The assets that write each table.
    """
    dialect = "postgres" if store_url.startswith("postgresql") else "sqlite"
    return [
        dg.AssetSpec(
            key,
            deps=list(writers.get(key, ())),
            group_name="order_store",
            kinds={dialect, "table"},
            owners=OWNERS,
            description=description,
        )
        for key, description in DESCRIPTIONS.items()
    ]
