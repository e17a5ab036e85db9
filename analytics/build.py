"""Builds the KPI database from a snapshot with dbt, under a name of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).parent / "dbt"


class BuildFailedError(RuntimeError):
    """dbt could not build or a dbt test failed; the message holds dbt's own last lines."""


def build_environment(snapshot: Path, database: Path) -> dict[str, str]:
    """The environment that the dbt project reads: where the snapshot lies, and what to build."""
    return {
        "ORDERHUB_EXTRACT": str(snapshot.resolve()),
        "ORDERHUB_KPI_BUILD": str(database.resolve()),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DO_NOT_TRACK": "1",
    }


def build_variables(time_zone: str) -> str:
    """The project's variables, as dbt's --vars takes them."""
    return json.dumps({"merchant_time_zone": time_zone})


def build(snapshot: Path, database: Path, time_zone: str, target_folder: Path) -> None:
    """Run all models and tests into a new DuckDB file.

    Args:
        snapshot: Folder with the Parquet files of `extract`.
        database: The file to make.
        time_zone: The merchant's, for the days of KPIs.
        target_folder: Where dbt keeps its own artefacts.

    Raises:
        BuildFailedError: If a model or a test fails.
    """
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "build", "--project-dir", str(PROJECT)]
    command += ["--target-path", str(target_folder), "--log-path", str(target_folder / "logs")]
    command += ["--vars", build_variables(time_zone)]
    environment: Mapping[str, str] = {**os.environ, **build_environment(snapshot, database)}
    database.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BuildFailedError((done.stdout + done.stderr)[-4000:])
