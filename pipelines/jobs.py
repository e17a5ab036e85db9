"""Which assets run together."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition as AssetJob,  # what define_asset_job makes; it has no public name
)

from pipelines.assets.channels import asset_name
from pipelines.config import HubConfig

MAIN, FULFIL, SEND, KPIS = "main", "fulfil", "send", "kpis"
BACKFILL_TAGS = {"orderhub/backfill": "true", "dagster/priority": "-10"}
"""dagster.yaml lets one such run go on at a time, and a queued scheduled run goes first."""


def sync_job_name(connection: str) -> str:
    """The job that reads one connection."""
    return f"sync_{asset_name(connection)}"


def connection_jobs(config: HubConfig) -> list[AssetJob]:
    """A reading job for each connection, and a back-fill for each channel."""
    return [
        *(
            _sync(one.name, one.kind)
            for kind in ("channel", "wms", "carrier")
            for one in config.enabled(kind)
        ),
        *(_backfill(one.name) for one in config.enabled("channel")),
    ]


def shared_jobs(config: HubConfig, models: dg.AssetsDefinition) -> list[AssetJob]:
    """The jobs over all connections' orders.

    Args:
        config: Which connections there are.
        models: The dbt models.
    """
    decided, sent = ["canonical_orders", "allocations"], ["picklists", "confirmations"]
    kpis = [["analytics", "store_snapshot"], *(key.path for key in models.keys), ["analytics", "kpi_file"]]
    read = [path for kind in _READ for one in config.enabled(kind) for path in _paths(one.name, kind)]
    return [
        _job(FULFIL, _keys(decided + sent), "Verify, route, send picklists, tell channels of parcels."),
        _job(SEND, _keys(sent), "Send what waits in the outbox."),
        _job(KPIS, _keys(kpis), "Snapshot the store, build and test the KPI tables, publish the file."),
        dg.define_asset_job(
            MAIN,
            selection=_keys(read + decided + sent + kpis),
            # One process: only there do steps of different connections take their turns (see Turn).
            executor_def=dg.in_process_executor,
            description=(
                "Everything but back-fills, once: read all connections, decide, send, publish. A vendor that "
                "is down is a red step; all others are served."
            ),
        ),
    ]


_READ = {"channel": ("orders",), "wms": ("stock", "shipments"), "carrier": ("tracking",)}


def _paths(connection: str, kind: str) -> list[str]:
    return [f"{asset_name(connection)}_{asset}" for asset in _READ[kind]]


def _keys(paths: Sequence[str | Sequence[str]]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*paths)


def _job(name: str, selection: dg.AssetSelection, description: str) -> AssetJob:
    return dg.define_asset_job(name, selection=selection, description=description)


def _sync(connection: str, kind: str) -> AssetJob:
    return _job(sync_job_name(connection), _keys(_paths(connection, kind)), f"Read {connection} ({kind}).")


def _backfill(connection: str) -> AssetJob:
    return dg.define_asset_job(
        f"backfill_{asset_name(connection)}",
        selection=_keys([f"{asset_name(connection)}_orders_by_day"]),
        tags=BACKFILL_TAGS,
        description=f"Read days of {connection} (again), by the day on which orders were placed.",
    )
