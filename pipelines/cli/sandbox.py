"""`orderhub sandbox`: the imitated vendors alone."""

import os
import sys
from typing import Annotated

import typer


def sandbox(
    port: Annotated[int, typer.Option(help="Where to listen on 127.0.0.1; 0 for any free port.")] = 8765,
    seed: Annotated[int, typer.Option(help="Which merchant's world to make.")] = 1,
    minutes_per_second: Annotated[
        float, typer.Option(help="Let the world's time go by itself so fast; 0 stands still.")
    ] = 0,
    orders_per_day: Annotated[float, typer.Option(help="Orders that buyers place in a world's day.")] = 40,
) -> None:
    """Serve one merchant's world: four channels, two WMSs and two carriers, imitated on one port.

    It prints its URL as one line of JSON and runs until it is interrupted. What its control API offers
    stands in docs/sandbox.md.

    Example: orderhub sandbox --minutes-per-second 10
    """
    arguments = ["--port", port, "--seed", seed, "--minutes-per-second", minutes_per_second]
    arguments += ["--orders-per-day", orders_per_day]
    command = [sys.executable, "-m", "sandbox", *map(str, arguments)]
    os.execv(sys.executable, command)  # noqa: S606 -- our own module, no shell
