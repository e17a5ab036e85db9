"""The KPI tables: snapshot, dbt models, published file. Each run builds under a name of its own."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)

from analytics.build import build_arguments
from pipelines.assets.reporting import OWNERS, Result, Turn, records
from pipelines.assets.tables import PARCELS, TRACKING
from pipelines.resources import HubResource
from pipelines.services.kpis import publish_kpis, run_folder, take_snapshot

SNAPSHOT = dg.AssetKey(["analytics", "store_snapshot"])
PUBLISHED = dg.AssetKey(["analytics", "kpi_file"])
POOL = "kpi_build"


class Translator(DagsterDbtTranslator):
    """dbt's models under one group; all of the store's views come out of one snapshot."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Sources are the snapshot, models stand beside it."""
        if dbt_resource_props["resource_type"] == "source":
            return SNAPSHOT
        return dg.AssetKey(["analytics", dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """One group for facts, dimensions and KPIs."""
        return "analytics"

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """Whom to ask."""
        return ["team:analytics"]


TRANSLATOR = Translator(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))


@dg.asset(
    key=SNAPSHOT,
    group_name="analytics",
    kinds={"parquet"},
    owners=OWNERS,
    pool=POOL,
    deps=[dg.AssetKey("canonical_orders"), dg.AssetKey("allocations"), PARCELS, TRACKING],
    op_tags=Turn.KPIS.tags,
    check_specs=[
        dg.AssetCheckSpec(
            "everything_adds_up",
            asset=SNAPSHOT,
            blocking=True,
            description="Units, stock and money add up; what does not is not published. The published file "
            "then stays as it is.",
        )
    ],
    description="One consistent reading of the order store, through its named views.",
)
def store_snapshot(context: dg.AssetExecutionContext, hub: HubResource) -> Result:
    """Take the snapshot, and see whether it may be published."""
    with hub.open() as opened:
        taken = take_snapshot(opened, context.run.run_id)
    return dg.MaterializeResult(
        metadata={f"rows/{table}": count for table, count in taken.rows.items()}
        | {"dagster/row_count": sum(taken.rows.values())},
        check_results=[
            dg.AssetCheckResult(
                check_name="everything_adds_up",
                passed=not taken.broken,
                metadata={
                    "violations": len(taken.broken),
                    "records": records(
                        (f"{one.rule}: {one.record}" for one in taken.broken), "orderhub status"
                    ),
                },
            )
        ],
    )


def model_assets(project: DbtProject) -> dg.AssetsDefinition:
    """All models and tests of the dbt project; a failing test stops publishing."""

    @dbt_assets(manifest=project.manifest_path, project=project, dagster_dbt_translator=TRANSLATOR, pool=POOL)
    def kpi_models(context: dg.AssetExecutionContext, dbt: DbtCliResource, hub: HubResource) -> Iterator[Any]:
        with hub.open() as opened:
            folder = run_folder(opened, context.run.run_id).resolve()
            zone = opened.config.merchant.time_zone
        arguments = build_arguments(folder / "snapshot", folder / "kpi.duckdb", zone)
        yield from dbt.cli(arguments, context=context, target_path=folder / "target").stream()

    return kpi_models


def published_file(models: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """The file that analysts open."""

    @dg.asset(
        key=PUBLISHED,
        group_name="analytics",
        kinds={"duckdb"},
        owners=["team:analytics"],
        pool=POOL,
        deps=list(models.keys),
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=timedelta(hours=6), warn_window=timedelta(hours=1)
        ),
        description="The DuckDB file with facts, dimensions and KPIs, put in place by a rename.",
    )
    def kpi_file(context: dg.AssetExecutionContext, hub: HubResource) -> Result:
        with hub.open() as opened:
            result = publish_kpis(opened, context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                "dagster/uri": str(result.file),
                "published": result.published,
                "taken_at": dg.MetadataValue.timestamp(result.taken_at),
            }
        )

    return kpi_file
