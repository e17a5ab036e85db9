"""Builds the KPI database from a snapshot with dbt, under a name of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent / "dbt"


class BuildFailedError(RuntimeError):
    """dbt could not build or a dbt test failed; the message holds dbt's own last lines."""


def build_arguments(snapshot: Path, database: Path, time_zone: str) -> list[str]:
    """The arguments of `dbt` that build one database out of one snapshot.

    Args:
        snapshot: Folder with the Parquet files of `extract`.
        database: The file to make.
        time_zone: The merchant's, for the days of KPIs.
    """
    variables = {
        "snapshot": str(snapshot.resolve()),
        "database": str(database.resolve()),
        "merchant_time_zone": time_zone,
    }
    return ["build", "--vars", json.dumps(variables)]


def build(snapshot: Path, database: Path, time_zone: str, target_folder: Path) -> None:
    """Run all models and tests into a new DuckDB file; arguments as in `build_arguments`.

    Args:
        snapshot: Folder with the Parquet files of `extract`.
        database: The file to make.
        time_zone: The merchant's.
        target_folder: Where dbt keeps its own artefacts.

    Raises:
        BuildFailedError: If a model or a test fails.
    """
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet"]
    command += build_arguments(snapshot, database, time_zone)
    command += ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    target = target_folder.resolve()  # dbt takes a relative one from the project's folder
    command += ["--target-path", str(target), "--log-path", str(target / "logs")]
    database.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "DO_NOT_TRACK": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BuildFailedError((done.stdout + done.stderr)[-4000:])
