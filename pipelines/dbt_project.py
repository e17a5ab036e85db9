"""The dbt project as Dagster needs it: parsed once for each state of its files."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from dagster_dbt import DbtCliResource, DbtProject

from analytics.build import PROJECT, BuildFailedError

TARGET = Path(".orderhub/dbt")
SOURCES = ("*.yml", "models/**/*.*", "macros/**/*.*", "tests/**/*.*")


def prepared_project(target: Path = TARGET) -> DbtProject:
    """The dbt project with the manifest of its files as they are.

    Parsing takes some seconds, so its outcome is kept in a folder named after the files' digest. It is made
    beside that folder and renamed: of several processes that parse at once, one wins and all can go on.
    Nothing is written into the project itself.

    Args:
        target: The folder of all manifests.

    Raises:
        analytics.build.BuildFailedError: If dbt cannot parse the project.
    """
    folder = target.resolve() / _digest()
    if not (folder / "manifest.json").exists():
        _parse_into(folder)
    return DbtProject(project_dir=PROJECT, target_path=folder, profiles_dir=PROJECT)


def dbt_resource(project: DbtProject) -> DbtCliResource:
    """The `dbt` of this interpreter, whether or not its environment is activated."""
    beside = Path(sys.executable).with_name("dbt")
    return DbtCliResource(project_dir=project, dbt_executable=str(beside) if beside.exists() else "dbt")


def _digest() -> str:
    digest = hashlib.sha256(version("dbt-core").encode())
    for path in sorted(path for pattern in SOURCES for path in PROJECT.glob(pattern)):
        digest.update(str(path.relative_to(PROJECT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _parse_into(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="parsing-", ignore_cleanup_errors=True) as own:
        made = Path(own) / "target"
        command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "parse"]
        command += ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        command += ["--target-path", str(made), "--log-path", str(Path(own) / "logs")]
        environment = {**os.environ, "DO_NOT_TRACK": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise BuildFailedError((done.stdout + done.stderr)[-4000:])
        try:
            made.rename(folder)
        except OSError:
            if not (folder / "manifest.json").exists():  # not won by another process: left half-done
                shutil.rmtree(folder)
                made.rename(folder)
