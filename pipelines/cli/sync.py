"""`orderhub sync`: one round of reading, routing and sending."""

from typing import Annotated

import typer

from pipelines.cli.output import ConfigOption, JsonOption, err, print_json, print_table, quoted
from pipelines.hub import open_hub
from pipelines.services.cycle import run_cycle


def sync(
    connection: Annotated[
        str | None, typer.Argument(help="Read only this connection; leave it out for everything.")
    ] = None,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Read every connection, then verify, route, send picklists, track parcels and tell the channels.

    One connection's trouble stops no other; the exit status is 1 if there was any.

    Examples: orderhub sync; orderhub sync shopify-eu --json
    """
    with open_hub(config) as hub, err.status("") as spinner:
        if connection is not None:
            hub.connector(connection)
        result = run_cycle(hub, connection, lambda step: spinner.update(step))
    if as_json:
        print_json({"steps": result.steps, "failures": result.failures})
    else:
        rows = [
            (step, ", ".join(f"{name} {n}" for name, n in figures.items() if n))
            for step, figures in result.steps.items()
        ]
        print_table("This round", ("step", "what it did"), rows)
        for step, reason in result.failures.items():
            err.print(f"[bold red]{step}:[/] {quoted(reason)}", highlight=False)
    if result.failures:
        raise typer.Exit(1)
