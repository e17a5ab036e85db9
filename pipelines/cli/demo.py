"""`orderhub demo`: the whole loop, played and checked."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.output import JsonOption, err, out, print_json, print_table, quoted
from pipelines.comparison import Comparison

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
HOME = Path(".orderhub/demo")


def demo(
    seed: Annotated[int, typer.Option(help="Which merchant's world to play.")] = 1,
    home: Annotated[Path, typer.Option(help="Where the play keeps everything; emptied first.")] = HOME,
    again: Annotated[
        bool, typer.Option("--again", help="Only compare the last play with its ledger once more.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Play some days of a merchant against imitations of every vendor, and compare the hub with the truth.

    Orders are placed on four channels, edited and cancelled; two WMSs pick, pack and ship; two carriers
    deliver. At the end the sandbox's own ledger is compared with what the hub knows, order line by order
    line. The exit status is 1 if they differ. The comparison is in .orderhub/demo.json, the KPI tables in
    .orderhub/demo/kpi/orderhub.duckdb. Nothing leaves this machine.
    """
    from pipelines.demo import compare_again, play, stage, write

    home = home.resolve()
    if again:
        comparison = compare_again(home)
        found: dict[str, Any] = {"agrees": not comparison.divergences, "orders": comparison.orders}
        found["divergences"] = [str(one) for one in comparison.divergences]
    else:
        shutil.rmtree(home, ignore_errors=True)
        with err.status("setting the stage") as spinner, stage(home, seed) as (world, hub):
            result = play(world, hub, lambda scene: spinner.update(scene))
        write(result, home.with_suffix(".json"))
        comparison, found = result.comparison, result.as_json()
    if as_json:
        print_json(found)
    else:
        _show(comparison)
        for failure in found.get("failures", ()):
            err.print(f"[yellow]{quoted(failure)}[/]", highlight=False)
        if "kpi_file" in found:
            out.print(f"{found['rounds']} rounds; KPI tables: {found['kpi_file']}", highlight=False)
    if comparison.divergences:
        raise typer.Exit(1)


def _show(comparison: Comparison) -> None:
    names = sorted(comparison.truth)
    rows = [
        (figure.replace("_", " "), *(_beside(comparison, name, figure) for name in names))
        for figure in FIGURES
    ]
    print_table("What happened, in truth and in the hub", ("", *names), rows)
    for one in comparison.divergences[:50]:
        err.print(f"[bold red]{quoted(one)}[/]", highlight=False)
    out.print(
        f"[bold green]The hub and the truth agree on {comparison.orders} orders, line by line.[/]"
        if not comparison.divergences
        else f"[bold red]{len(comparison.divergences)} figures differ.[/]"
    )


def _beside(comparison: Comparison, connection: str, figure: str) -> str:
    """One figure where both agree, else both."""
    truth = comparison.truth[connection].get(figure, 0)
    ours = comparison.hub.get(connection, {}).get(figure, 0)
    return str(truth) if truth == ours else f"[bold red]{truth}, hub {ours}[/]"
