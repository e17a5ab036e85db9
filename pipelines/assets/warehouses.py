"""A WMS's stock and shipments."""

from datetime import timedelta

import dagster as dg

from normalization.registry import WMSS
from pipelines.assets.channels import asset_name
from pipelines.assets.reporting import OWNERS, Result, Turn, metadata_of, retry_policy, stopping, version_of
from pipelines.assets.tables import PICKLISTS_SENT
from pipelines.config_models import Connection
from pipelines.resources import HubResource
from pipelines.services.warehouse import sync_shipments, sync_stock

FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=2), warn_window=timedelta(minutes=30))


def wms_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """The assets of one WMS connection."""
    name = asset_name(connection.name)
    version = version_of(WMSS[connection.connector])

    @dg.asset(
        key=f"{name}_stock",
        group_name="warehouses",
        kinds={connection.connector},
        owners=OWNERS,
        pool=f"{name}_api",
        retry_policy=retry_policy(),
        freshness_policy=FRESH,
        op_tags=Turn.READ.tags,
        code_version=version,
        description=f"Stock of every site that {connection.name} runs, by bin and lot where it has them.",
    )
    def stock(context: dg.AssetExecutionContext, hub: HubResource) -> Result:
        with hub.open() as opened, stopping(context):
            result = sync_stock(opened, connection.name)
        return dg.MaterializeResult(metadata=metadata_of(result))

    @dg.asset(
        key=f"{name}_shipments",
        group_name="warehouses",
        kinds={connection.connector},
        owners=OWNERS,
        pool=f"{name}_api",
        retry_policy=retry_policy(),
        freshness_policy=FRESH,
        deps=[PICKLISTS_SENT],
        op_tags=Turn.SHIPMENTS.tags,
        code_version=version,
        description=f"How far {connection.name} is with the hub's picklists: picked, packed, shipped.",
    )
    def shipments(context: dg.AssetExecutionContext, hub: HubResource) -> Result:
        with hub.open() as opened, stopping(context):
            result = sync_shipments(opened, connection.name)
        return dg.MaterializeResult(metadata=metadata_of(result))

    return [stock, shipments]
