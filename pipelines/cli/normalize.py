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
from pipelines.services.ingest import MAPPING_FAILED
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
        context = Context(connector, datetime.now(UTC), {"timezone": time_zone})
        place = str(file)
        try:
            answer = sys.stdin.buffer.read() if place == "-" else file.read_bytes()
            records = list(mapping.orders_in(answer))
        except Exception as error:  # noqa: BLE001 -- one answer must not hold up the others
            _tell(place, error)
            failed = True
            continue
        for number, raw in enumerate(records, 1):
            try:
                line = msgspec.json.encode(mapping.order(raw, context)).decode()
            except Exception as error:  # noqa: BLE001 -- a fault of the mapping must not hold up other orders
                _tell(f"{place}: record {number}", error)
                failed = True
            else:
                sys.stdout.write(line + "\n")
    if failed:
        raise typer.Exit(1)


def _tell(place: str, error: Exception) -> None:
    """Name the place and the reason; what a mapping's own fault says may hold a person's words."""
    if isinstance(error, OSError):
        why = error.strerror or type(error).__name__
    elif isinstance(error, NormalizationError):
        why = str(error)
    else:
        why = f"{MAPPING_FAILED}: {type(error).__name__}"
    print(visible(f"{place}: {why}"), file=sys.stderr)
