"""`orderhub dev`: the Dagster UI, with the sandbox beside it."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.output import err
from pipelines.problems import ProblemError
from pipelines.sandbox_secrets import hub_environ
from sandbox.process import SandboxProcess

ROOT = Path(__file__).resolve().parents[2]


def dev(
    port: Annotated[int, typer.Option(help="Where the UI listens on 127.0.0.1.")] = 3000,
    live: Annotated[
        bool, typer.Option("--live", help="Use your own hub.yaml and real vendors instead of the sandbox.")
    ] = False,
    minutes_per_second: Annotated[float, typer.Option(help="How fast the sandbox's time goes by.")] = 1,
) -> None:
    """Open the Dagster UI. The schedules run; the sandbox places, ships and delivers orders meanwhile.

    Everything lies in .orderhub/dev; delete that folder to begin anew. The UI has no log-in of its own, so
    it listens on 127.0.0.1 only.
    """
    home = Path(".orderhub/dev").resolve()
    dagster_home = home / "dagster"
    dagster_home.mkdir(parents=True, exist_ok=True)
    if not (dagster_home / "dagster.yaml").exists():
        shutil.copy(ROOT / "pipelines" / "dagster.yaml", dagster_home / "dagster.yaml")
    environment = {**os.environ, "DAGSTER_HOME": str(dagster_home), "DO_NOT_TRACK": "1"}
    with ExitStack() as stack:
        if live:
            environment.setdefault("ORDERHUB_CONFIG", str(Path("hub.yaml").resolve()))
            if not Path(environment["ORDERHUB_CONFIG"]).exists():
                raise ProblemError("no hub.yaml here; copy hub.example.yaml, or leave --live out")
        else:
            environment |= _enter_world(stack, home / "hub", minutes_per_second)
        ui = subprocess.Popen(  # noqa: S603 -- our own interpreter and modules
            [sys.executable, "-m", "dagster", "dev", "-m", "definitions", "-h", "127.0.0.1", "-p", str(port)],
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
        err.print(f"Dagster UI: http://127.0.0.1:{port} (about 20 s to start; Ctrl-C ends it)")
        signal.signal(signal.SIGTERM, lambda *_: os.killpg(ui.pid, signal.SIGINT))
        try:
            status = ui.wait()
        except KeyboardInterrupt:
            os.killpg(ui.pid, signal.SIGINT)
            status = ui.wait()
    raise typer.Exit(0 if status in (0, -signal.SIGINT) else 1)


def _enter_world(stack: ExitStack, home: Path, minutes_per_second: float) -> dict[str, str]:
    """Start a sandbox; return what the hub must know of it.

    A world begins anew with its process, so what the hub knew of an earlier one is thrown away.
    """
    shutil.rmtree(home, ignore_errors=True)
    arguments = ["--minutes-per-second", str(minutes_per_second), "--orders-per-day", "60"]
    world = stack.enter_context(SandboxProcess(1, *arguments, "--catalogue", str(home / "catalogue")))
    return hub_environ(world.url, home)
