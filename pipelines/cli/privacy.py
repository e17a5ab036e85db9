"""`orderhub export` and `orderhub erase`: what the hub knows of one person, and how to forget it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from order_store.private_files import write_private
from pipelines.cli.output import ConfigOption, JsonOption, out, print_json
from pipelines.hub import open_hub
from pipelines.problems import ProblemError
from pipelines.services.erase import REQUEST, EraseResult, erase_due, erase_orders, refuse_open
from pipelines.services.privacy import export_orders, find_person
from pipelines.services.unclaimed import erase_quarantined

WhoArgument = Annotated[
    str,
    typer.Argument(
        help="An e-mail address, a phone number, CONNECTION/ID, or an order number that only one order has."
    ),
]


def export(
    who: WhoArgument,
    to: Annotated[
        Path | None, typer.Option("--out", help="A new file, for you only; standard output without it.")
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Also what vendors sent: reads their whole landing.")
    ] = False,
    config: ConfigOption = "hub.yaml",
) -> None:
    """Tell all that is kept of a person, as JSON. That you looked is written to the access log.

    Example: orderhub export buyer@example.org --out buyer.json
    """
    with open_hub(config) as hub:
        with hub.store.read() as tx:
            found, records = find_person(tx, who)
        told = json.dumps(
            export_orders(hub, found, records, raw=raw), default=str, indent=2, ensure_ascii=False
        )
    if to is None:
        print(told)
        return
    try:
        write_private(to, told.encode())
    except FileExistsError as error:
        raise ProblemError(f"{to} is there already; name a new file") from error
    out.print(f"{_counted(found, records)} written to {to}")


def erase(
    who: Annotated[str | None, typer.Argument(help="As for `export`; leave it out with --due.")] = None,
    due: Annotated[bool, typer.Option("--due", help="Everybody whose time has run out by policy.")] = False,
    even_open: Annotated[
        bool, typer.Option("--even-open", help="Also orders that then cannot be shipped.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Erase a person from store and landing, for ever: the keys are destroyed. Orders and figures stay.

    Example: orderhub erase buyer@example.org
    """
    if (who is None) != due:
        raise ProblemError("name a person or an order, or give --due")
    with open_hub(config) as hub:
        if who is None:
            result = erase_due(hub)
        else:
            with hub.store.read() as tx:
                found, records = find_person(tx, who)
                if not even_open:
                    refuse_open(tx, found)
            if not yes:
                typer.confirm(f"Erase the person in {_counted(found, records)}, for ever?", abort=True)
            result = erase_orders(hub, found, REQUEST)
            result += EraseResult(unclaimed=erase_quarantined(hub, records, REQUEST))
    if as_json:
        print_json({"orders": result.orders, "keys": result.keys, "unclaimed": result.unclaimed})
    else:
        out.print(
            f"{result.orders} orders erased, {result.keys + result.unclaimed} keys destroyed,"
            f" {result.unclaimed} of them of records that no order claims"
        )


def _counted(found: Sequence[int], records: Sequence[int]) -> str:
    return f"{len(found)} orders" + (f" and {len(records)} quarantined records" if records else "")
