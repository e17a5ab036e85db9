"""What carriers say of parcels."""

from datetime import timedelta

import dagster as dg

from normalization.registry import CARRIERS
from pipelines.assets.channels import asset_name
from pipelines.assets.reporting import OWNERS, Result, Turn, metadata_of, retry_policy, stopping, version_of
from pipelines.assets.tables import PARCELS
from pipelines.config_models import Connection
from pipelines.resources import HubResource
from pipelines.services.track import track_parcels


def carrier_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """The assets of one carrier connection."""
    name = asset_name(connection.name)

    @dg.asset(
        key=f"{name}_tracking",
        group_name="carriers",
        kinds={connection.connector},
        owners=OWNERS,
        pool=f"{name}_api",
        retry_policy=retry_policy(),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=12)),
        deps=[PARCELS],
        op_tags=Turn.TRACKING.tags,
        code_version=version_of(CARRIERS[connection.connector]),
        description=f"Every scan that {connection.name} has of parcels that are under way.",
    )
    def tracking(context: dg.AssetExecutionContext, hub: HubResource) -> Result:
        with hub.open() as opened, stopping(context):
            result = track_parcels(opened, connection.name)
        return dg.MaterializeResult(metadata=metadata_of(result))

    return [tracking]
