"""`orderhub demo`: the whole loop, played and checked."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.output import JsonOption, err, out, print_json, print_table

FIGURES = (
    "orders",
    "ordered",
    "cancelled",
    "shipped",
    "delivered",
    "confirmed",
    "parcels",
    "told_parcels",
    "amount",
)
HOME = Path(".orderhub")


def demo(
    seed: Annotated[int, typer.Option(help="Which merchant's world to play.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Play some days of a merchant against imitations of every vendor, and compare the hub with the truth.

    Orders are placed on four channels, edited and cancelled; two WMSs pick, pack and ship; two carriers
    deliver. At the end the sandbox's own ledger is compared with what the hub knows, order line by order
    line. The exit status is 1 if they differ. The comparison is in .orderhub/demo.json, the KPI tables in
    .orderhub/demo/kpi/orderhub.duckdb. Nothing leaves this machine.
    """
    from pipelines.demo import play, stage, write

    home = HOME / "demo"
    shutil.rmtree(home, ignore_errors=True)
    with err.status("setting the stage") as spinner, stage(home.resolve(), seed) as (world, hub):
        result = play(world, hub, lambda scene: spinner.update(scene))
    comparison = result.comparison
    write(result, HOME / "demo.json")
    if as_json:
        print_json(result.as_json())
    else:
        rows = [
            (connection, who, *(of_whom.get(connection, {}).get(name, 0) for name in FIGURES))
            for connection in comparison.truth
            for who, of_whom in (("truth", comparison.truth), ("hub", comparison.hub))
        ]
        print_table(f"{result.rounds} rounds", ("connection", "says", *FIGURES), rows)
        for failure in result.failures:
            err.print(f"[yellow]{failure}[/]", highlight=False)
        for one in comparison.divergences[:50]:
            err.print(f"[bold red]{one}[/]", highlight=False)
        out.print(f"KPI tables: {result.kpi.file}", highlight=False)
        out.print(
            "[bold green]The hub and the truth agree, line by line.[/]"
            if not comparison.divergences
            else f"[bold red]{len(comparison.divergences)} figures differ.[/]"
        )
    if comparison.divergences:
        raise typer.Exit(1)
