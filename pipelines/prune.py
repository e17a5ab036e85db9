"""Deletes what nobody may or need keep any more: personal data, Dagster's run history, unfinished files.

Dagster's own `retention` covers ticks only, and deleting a run leaves its files behind
(dagster issue 33785), so both are done here.
"""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus

from order_store.encrypting import encrypt
from order_store.routing import prune_decisions
from pipelines.dbt_project import TARGET
from pipelines.hub import Hub
from pipelines.resources import HubResource
from pipelines.services.erase import erase_due
from pipelines.services.kpis import run_folder
from pipelines.services.printing import remove_drafts

PRUNE = "prune_history"
FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
BATCH = 200
DECISIONS_KEPT = timedelta(days=90)
DRAFTS_KEPT = timedelta(hours=6)
"""Of picklists on paper: who was still writing then is gone."""


class PruneConfig(dg.Config):
    """What is kept.

    Attributes:
        days: Runs and unfinished builds that are older are deleted.
    """

    days: int = 14


def prune_runs(instance: dg.DagsterInstance, before: datetime) -> int:
    """Delete finished runs that were made before a time, with their files; returns how many.

    What each asset's newest materialization and check said stays.
    """
    deleted = 0
    old = dg.RunsFilter(statuses=FINISHED, created_before=before)
    while runs := instance.get_runs(old, limit=BATCH):
        for run in runs:
            instance.delete_run(run.run_id)
            for path in _files_of(instance, run.run_id):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        deleted += len(runs)
    return deleted


def prune_folders(parent: Path, pattern: str, before: datetime, keep: int = 0) -> int:
    """Delete folders below `parent` that were last touched before a time, but never the newest `keep`."""
    touched = {path: path.stat().st_mtime for path in parent.glob(pattern) if path.is_dir()}
    newest_first = sorted(touched, key=lambda path: touched[path], reverse=True)
    old = [path for path in newest_first[keep:] if touched[path] < before.timestamp()]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)


def _files_of(instance: dg.DagsterInstance, run_id: str) -> Iterator[Path]:
    """What Dagster's SQLite storage and its logs keep of one run, where that is the storage."""
    root = Path(instance.root_directory)
    yield from (root / "history" / "runs").glob(f"{run_id}.db*")
    if (logs := root / "storage" / run_id).is_dir():
        yield logs


def _prune_decisions(hub: Hub) -> int:
    """Delete routing decisions of more than a quarter ago, by the hub's time, but never an order's newest."""
    before = hub.clock.now() - DECISIONS_KEPT
    deleted = 0
    while True:
        with hub.store.begin() as tx:
            found = prune_decisions(tx, before)
        deleted += found
        if not found:
            return deleted


@dg.op(
    description="People whose time has run out; old runs, unfinished KPI builds, landing files and picklists,"
    " manifests of older dbt models."
)
def prune(context: dg.OpExecutionContext, config: PruneConfig, hub: HubResource) -> None:
    """Erase people by policy, and delete what is older than `days`, by this machine's clock."""
    before = datetime.now(UTC) - timedelta(days=config.days)
    with hub.open() as opened:
        builds = prune_folders(run_folder(opened, "any").parent, "*", before)
        partial = opened.landing.remove_partial(before)
        drafts = remove_drafts(opened, datetime.now(UTC) - DRAFTS_KEPT)
        decisions = _prune_decisions(opened)
        erased = erase_due(opened)
        sealed = encrypt(opened.store, opened.landing)
    context.add_output_metadata(
        {
            "runs": prune_runs(context.instance, before),
            "kpi_builds": builds,
            "landing_partials": partial,
            "picklist_drafts": drafts,
            "orders_erased": erased.orders,
            "unclaimed_records_erased": erased.unclaimed,
            "orders_encrypted": sealed.orders,
            "landing_files_encrypted": sealed.files,
            "routing_decisions": decisions,
            "dbt_manifests": prune_folders(TARGET, "*", before, keep=1),
            "before": dg.MetadataValue.timestamp(before),
        }
    )


@dg.job(
    name=PRUNE,
    description="Erase people by policy; delete old run history, which Dagster keeps for ever, and unfinished"
    " files.",
)
def prune_history() -> None:
    """The job; its only step has the days as configuration."""
    prune()
