"""A channel's orders: one asset that follows changes, one that fills the past day by day."""

from datetime import timedelta

import dagster as dg

from pipelines.assets.reporting import OWNERS, RETRY, metadata_of, stopping
from pipelines.config_models import Connection
from pipelines.resources import HubResource
from pipelines.services.orders import backfill_orders, sync_orders
from pipelines.services.counts import PageCounts

BACKFILL = dg.DailyPartitionsDefinition(start_date="2024-01-01", timezone="UTC", end_offset=1)


def asset_name(connection: str) -> str:
    """A connection's name as Dagster takes it."""
    return connection.replace("-", "_")


def channel_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """The assets of one channel connection."""
    return [_orders(connection), _backfill(connection)]


def _orders(connection: Connection) -> dg.AssetsDefinition:
    name = asset_name(connection.name)

    @dg.asset(
        key=[name, "orders"],
        group_name="channels",
        kinds={connection.connector},
        owners=OWNERS,
        pool=f"{name}_api",
        retry_policy=RETRY,
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=timedelta(hours=2), warn_window=timedelta(minutes=30)
        ),
        check_specs=[
            dg.AssetCheckSpec(
                "nothing_vanished",
                asset=dg.AssetKey([name, "orders"]),
                blocking=True,
                description="Every record that was read is stored, known already, or in quarantine.",
            )
        ],
        description=(
            f"Orders of {connection.name} ({connection.connector}), as far as they changed: landed, "
            "normalized, verified, stored. What cannot be understood is in quarantine."
        ),
    )
    def orders(context: dg.AssetExecutionContext, hub: HubResource) -> dg.MaterializeResult[None]:
        with hub.open() as opened, stopping(context):
            results = sync_orders(opened, connection.name)
        counts = sum((result.counts for result in results), PageCounts())
        return dg.MaterializeResult(
            metadata=metadata_of(counts)
            | {
                "watermark": str(results[0].watermark),
                "pages": sum(result.pages for result in results),
                "skipped": "; ".join(result.skipped for result in results if result.skipped) or "nothing",
                "records": dg.MetadataValue.md(f"`orderhub quarantine list --connection {connection.name}`"),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="nothing_vanished",
                    passed=counts.vanished == 0,
                    metadata={"read": counts.records, "vanished": counts.vanished},
                )
            ],
        )

    return orders


def _backfill(connection: Connection) -> dg.AssetsDefinition:
    name = asset_name(connection.name)

    @dg.asset(
        key=[name, "orders_by_day"],
        group_name="backfill",
        kinds={connection.connector},
        owners=OWNERS,
        pool=f"{name}_backfill",
        retry_policy=RETRY,
        partitions_def=BACKFILL,
        description=(
            f"Orders of {connection.name} by the UTC day on which they were placed: to fill the past, or to "
            "read a day again. Orders from before `fulfil_from` are kept and reported, never routed."
        ),
    )
    def orders_by_day(context: dg.AssetExecutionContext, hub: HubResource) -> dg.MaterializeResult[None]:
        span = context.partition_time_window
        with hub.open() as opened, stopping(context):
            result = backfill_orders(opened, connection.name, span.start, span.end)
        return dg.MaterializeResult(metadata=metadata_of(result.counts) | {"pages": result.pages})

    return orders_by_day
