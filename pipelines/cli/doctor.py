"""`orderhub doctor`: what does not balance, explained and repaired."""

from collections.abc import Sequence
from typing import Annotated

import typer

from pipelines.cli.output import ConfigOption, JsonOption, err, out, print_json, print_table
from pipelines.hub import open_hub
from pipelines.services.doctor import Repaired, examine
from pipelines.services.doctor import repair as repair_findings
from pipelines.services.findings import Finding


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Repair what can be repaired.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before repairing.")] = False,
    vendors: Annotated[
        bool, typer.Option(help="Compare with each vendor's own figures, or look at the hub alone.")
    ] = True,
    days: Annotated[int, typer.Option(help="How many days back vendors are asked.")] = 7,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Find what does not balance, in the hub and against each vendor's own figures, and say what to do.

    Repairs are compensating entries with their reason, messages that are looked up and sent again, and
    records that are read again. After them everything is examined once more. The exit status is 1 if
    something does not balance.

    Examples: orderhub doctor; orderhub doctor --no-vendors --json; orderhub doctor --repair
    """
    with open_hub(config) as hub, err.status("") as spinner:
        found = examine(hub, days=days, vendors=vendors, tell=spinner.update)
        able = [one for one in found if one.repair is not None]
        done: list[Repaired] = []
        if repair and able:
            spinner.stop()
            if not as_json:
                _show(found)
            if yes or typer.confirm(f"Repair {len(able)} of {len(found)}?", err=True):
                done = repair_findings(hub, able, tell=spinner.update)
                found = examine(hub, days=days, vendors=vendors, tell=spinner.update)
    if as_json:
        print_json(
            {
                "balances": not found,
                "findings": [one.as_json() for one in found],
                "repaired": [one.finding.as_json() | {"error": one.error} for one in done],
            }
        )
    else:
        for one in done:
            outcome = "done" if one.error is None else f"[bold red]failed:[/] {one.error}"
            out.print(f"{one.finding.check} {one.finding.record}: {outcome}", highlight=False)
        _show(found)
    if found:
        raise typer.Exit(1)


def _show(found: Sequence[Finding]) -> None:
    if not found:
        out.print("[bold green]Everything balances.[/]")
        return
    rows = [
        (one.check, one.record, one.what, one.remedy if one.repair else f"a person: {one.remedy}")
        for one in found
    ]
    print_table(f"{len(found)} things do not balance", ("check", "record", "what", "remedy"), rows)
