"""`orderhub normalize`: raw vendor answers in, canonical orders out."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from normalization import registry
from normalization.errors import NormalizationError
from normalization.registry import Context
from pipelines.problems import ProblemError
from pipelines.words import visible


def normalize(
    connector: Annotated[str, typer.Argument(help="amazon, shopify, vendure or woocommerce")],
    files: Annotated[list[Path], typer.Argument(help="Vendor answers as JSON; - reads standard input.")],
    time_zone: Annotated[
        str, typer.Option(help="The shop's time zone, for answers that carry local times only.")
    ] = "UTC",
) -> None:
    """Turn raw vendor answers into canonical orders, one JSON object a line.

    A FILE is one answer: a list page, a single order, a bare order, or a recorded exchange of the form
    {"request": …, "response": …}. Orders come out in input order, as docs/canonical-order.schema.json says.
    A record that fails goes to standard error with its place and reason; the exit status is then 1.

    Example: orderhub normalize woocommerce order.json | jq .totals
    """
    if connector not in registry.CHANNELS:
        raise ProblemError(f"no channel connector {connector!r}; there are: {', '.join(registry.CHANNELS)}")
    mapping = registry.channel(connector)
    failed = False
    for file in files:
        try:
            answer = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        except OSError as error:
            raise ProblemError(f"{file}: {error.strerror}") from error
        context = Context(connector, datetime.now(UTC), {"timezone": time_zone})
        try:
            records = list(mapping.orders_in(answer))
        except NormalizationError as error:
            print(visible(f"{file}: {error}"), file=sys.stderr)
            failed = True
            continue
        for number, raw in enumerate(records, 1):
            try:
                order = mapping.order(raw, context)
            except NormalizationError as error:
                print(visible(f"{file}: record {number}: {error}"), file=sys.stderr)
                failed = True
            else:
                sys.stdout.write(msgspec.json.encode(order).decode() + "\n")
    if failed:
        raise typer.Exit(1)
