"""All commands, assembled. Each lives in a module of its own and imports what it needs only when it runs."""

import sys

import typer

from pipelines.cli import (
    backup,
    demo,
    dev,
    doctor,
    explain,
    keys,
    kpis,
    normalize,
    outbox,
    privacy,
    quarantine,
    replay,
    route,
    sandbox,
    simulate,
    status,
    sync,
)
from pipelines.cli.output import fail
from pipelines.problems import ProblemError

app = typer.Typer(
    name="orderhub",
    help="Every order, from any channel, to the customer's door and into the books.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("dev")(dev.dev)
app.command("sync")(sync.sync)
app.command("kpis")(kpis.kpis)
app.command("status")(status.status)
app.command("explain")(explain.explain)
app.command("normalize")(normalize.normalize)
app.command("replay")(replay.replay)
app.command("route")(route.route)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("export")(privacy.export)
app.command("erase")(privacy.erase)
app.command("sandbox")(sandbox.sandbox)
app.command("simulate")(simulate.simulate)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(outbox.app, name="outbox")
app.add_typer(keys.app, name="keys")


def main() -> None:
    """Run a command; a problem that a person can solve is one line on standard error and exit status 1."""
    try:
        app()
    except ProblemError as problem:
        fail(str(problem))
        sys.exit(1)
