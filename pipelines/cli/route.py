"""`orderhub route`: plain tables of orders and stock to an allocation, with proof of how good it is."""

import math
import time
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.output import JsonOption, err, out, print_json
from pipelines.problems import ProblemError


def route(
    folder: Annotated[
        Path, typer.Argument(help="Folder with warehouses, stock, orders, order_lines (.csv) and costs.json.")
    ],
    allocation: Annotated[Path, typer.Option("--out", "-o", help="The answer, as CSV.")] = Path(
        "allocation.csv"
    ),
    policy: Annotated[
        str, typer.Option(help="What the plan is best at: cheapest, nearest or fewest_parcels.")
    ] = "cheapest",
    time_limit: Annotated[
        float | None, typer.Option(min=0.0, help="Seconds for the search; by itself it ends when it is done.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed gives the same answer.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Decide which warehouse ships each order line, and prove how far from the cheapest plan that is.

    Writes order_id, line_id, warehouse_id, quantity; a line that has no row waits. The lower bound is a price
    below which no plan for these tables can go. Under another policy than `cheapest` the gap also tells what
    that policy costs, and half of the time limit goes into the bound.
    """
    began = time.monotonic()
    from warehouse_routing.instance_files import InstanceError, read_instance, route_instance

    if not allocation.parent.is_dir():
        raise ProblemError(f"{allocation} can't be written: there is no folder {allocation.parent}; make it")
    if allocation.is_dir():
        raise ProblemError(f"{allocation} can't be written: it is a folder; name a file in it")
    try:
        with err.status("routing") as status:

            def progress(stage: str, cost: float, bound: float) -> None:
                best = "" if math.isinf(cost) else f", best plan {cost:,.2f}"
                status.update(f"routing: bound {bound:,.2f}{best}")

            instance = read_instance(folder)
            answer = route_instance(
                instance, policy=policy, time_limit=time_limit, seed=seed, progress=progress
            )
    except InstanceError as error:
        raise ProblemError(str(error)) from error
    try:
        answer.allocation.to_csv(allocation, index=False)
    except OSError as error:
        raise ProblemError(f"{allocation} can't be written: {error.strerror or error}") from error
    # the bound is rounded down and the gap is taken from what is printed
    cost, bound = round(answer.cost, 2), math.floor(answer.lower_bound * 100) / 100
    gap = round(100 * (cost / bound - 1), 3) if bound > 0 else (0.0 if cost <= 0 else None)
    figures = {
        "cost": cost,
        "lower_bound": bound,
        "gap_percent": gap,
        "parcels": answer.parcels,
        "units_backordered": answer.units_backordered,
        "seconds": round(time.monotonic() - began, 2),
    }
    if as_json:
        print_json(figures)
        return
    proof = "" if gap is None else f", at most {gap} % above the cheapest possible ({bound:,.2f})"
    out.print(f"cost {cost:,.2f}{proof}", highlight=False, soft_wrap=True)
    out.print(
        f"{answer.parcels} parcels, {answer.units_backordered} units wait; written to {allocation}",
        highlight=False,
        soft_wrap=True,
    )
