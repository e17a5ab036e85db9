"""Old run history goes, with its files; what is new or unfinished stays."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from pipelines.prune import prune_folders, prune_runs
from tests.pipelines.dagster_hub import QUIET


@dg.asset
def counted() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"dagster/row_count": 7})


def test_pruning_deletes_old_runs_with_their_files_and_nothing_else(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path), QUIET) as instance:
        old = [dg.materialize([counted], instance=instance).run_id for _ in range(2)]
        unfinished = instance.create_run_for_job(
            dg.Definitions([counted]).resolve_implicit_global_asset_job_def()
        )
        time.sleep(1.1)  # runs are told apart by whole seconds
        before = datetime.now(UTC)
        new = dg.materialize([counted], instance=instance).run_id

        assert prune_runs(instance, before) == 2

        assert {run.run_id for run in instance.get_runs()} == {unfinished.run_id, new}
        left = {path.name for path in tmp_path.rglob("*") if any(run in path.name for run in old)}
        assert left == set()
        assert list((tmp_path / "history" / "runs").glob(f"{new}.db*"))
        materialized = instance.get_latest_materialization_event(counted.key)
        assert materialized is not None


def test_pruning_folders_keeps_the_newest(tmp_path: Path) -> None:
    for name, age in (("a", 30), ("b", 20), ("c", 1)):
        (tmp_path / name).mkdir()
        then = (datetime.now(UTC) - timedelta(days=age)).timestamp()
        os.utime(tmp_path / name, (then, then))
    before = datetime.now(UTC) - timedelta(days=14)
    assert prune_folders(tmp_path, "*", before, keep=2) == 1
    assert prune_folders(tmp_path, "*", before) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
