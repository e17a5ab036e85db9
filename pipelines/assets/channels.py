"""A channel's orders: one asset that follows changes, one that fills the past day by day."""

from datetime import timedelta
from typing import Any

import dagster as dg
from sqlalchemy import func, select

from normalization.registry import CHANNELS
from order_store.connections import connection_id
from order_store.quarantine import list_quarantine
from order_store.schema.orders import orders as orders_table
from pipelines.assets.reporting import (
    OWNERS,
    Result,
    Turn,
    metadata_of,
    records,
    retry_policy,
    stopping,
    version_of,
)
from pipelines.config_models import Connection
from pipelines.hub import Hub
from pipelines.resources import HubResource
from pipelines.services.counts import PageCounts
from pipelines.services.orders import backfill_orders, sync_orders

BACKFILL = dg.DailyPartitionsDefinition(start_date="2024-01-01", timezone="UTC", end_offset=1)


def asset_name(connection: str) -> str:
    """A connection's name as Dagster takes it."""
    return connection.replace("-", "_")


def channel_assets(connection: Connection) -> list[dg.AssetsDefinition]:
    """The assets of one channel connection."""
    return [_orders(connection), _backfill(connection)]


def _orders(connection: Connection) -> dg.AssetsDefinition:
    name = asset_name(connection.name)
    key = dg.AssetKey(f"{name}_orders")

    @dg.asset(
        key=key,
        group_name="channels",
        kinds={connection.connector},
        owners=OWNERS,
        pool=f"{name}_api",
        retry_policy=retry_policy(),
        op_tags=Turn.READ.tags,
        code_version=version_of(CHANNELS[connection.connector]),
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=timedelta(hours=2), warn_window=timedelta(minutes=30)
        ),
        check_specs=[_nothing_vanished(key)],
        description=(
            f"Orders of {connection.name} ({connection.connector}), as far as they changed: landed, "
            "normalized, verified, stored. What cannot be understood is in quarantine."
        ),
    )
    def orders(context: dg.AssetExecutionContext, hub: HubResource) -> Result:
        with hub.open() as opened, stopping(context):
            results = sync_orders(opened, connection.name)
            concerned = _stored(opened, connection.name)
        counts = sum((result.counts for result in results), PageCounts())
        return dg.MaterializeResult(
            metadata=metadata_of(counts)
            | concerned
            | {
                "watermark": str(results[0].watermark),
                "pages": sum(result.pages for result in results),
                "skipped": "; ".join(result.skipped for result in results if result.skipped) or "nothing",
            },
            check_results=[_judged(counts)],
        )

    return orders


def _backfill(connection: Connection) -> dg.AssetsDefinition:
    name = asset_name(connection.name)
    key = dg.AssetKey(f"{name}_orders_by_day")

    @dg.asset(
        key=key,
        group_name="backfill",
        kinds={connection.connector},
        owners=OWNERS,
        pool=f"{name}_backfill",
        retry_policy=retry_policy(),
        partitions_def=BACKFILL,
        code_version=version_of(CHANNELS[connection.connector]),
        check_specs=[_nothing_vanished(key)],
        description=(
            f"Orders of {connection.name} by the UTC day on which they were placed: to fill the past, or to "
            "read a day again. Orders from before `fulfil_from` are kept and reported, never routed."
        ),
    )
    def orders_by_day(context: dg.AssetExecutionContext, hub: HubResource) -> Result:
        span = context.partition_time_window
        with hub.open() as opened, stopping(context):
            result = backfill_orders(opened, connection.name, span.start, span.end)
        return dg.MaterializeResult(
            metadata=metadata_of(result.counts)
            | {
                "pages": result.pages,
                "dagster/partition_row_count": result.earlier + result.counts.records,
            },
            check_results=[_judged(result.counts)],
        )

    return orders_by_day


def _nothing_vanished(key: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        "nothing_vanished",
        asset=key,
        blocking=True,
        description="Every record that was read is stored, known already, or in quarantine.",
    )


def _judged(counts: PageCounts) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="nothing_vanished",
        passed=counts.vanished == 0,
        metadata={"read": counts.records, "vanished": counts.vanished},
    )


def _stored(hub: Hub, connection: str) -> dict[str, Any]:
    """What the store holds of a channel, and which of its records are in quarantine."""
    with hub.store.read() as tx:
        mine = orders_table.c.connection_id == connection_id(tx, connection)
        stored = tx.scalar(select(func.count()).select_from(orders_table).where(mine))
        waiting = list_quarantine(tx, connection=connection)
    return {
        "dagster/row_count": stored or 0,
        "in_quarantine": len(waiting),
        "quarantine": records(
            (f"`{one.failure.external_id}` {one.failure.reason}: {one.failure.detail}" for one in waiting),
            f"orderhub quarantine list --connection {connection}",
        ),
        "landing": dg.MetadataValue.path(f"{hub.config.landing.url.rstrip('/')}/{connection}"),
    }
