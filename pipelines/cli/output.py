"""What commands print: tables and sentences for people, one JSON object for machines."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pipelines.words import visible

ConfigOption = Annotated[
    str, typer.Option("--config", "-c", envvar="ORDERHUB_CONFIG", help="The hub's configuration file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")]

out = Console()
err = Console(stderr=True)


def fail(message: str) -> None:
    """Say on standard error what went wrong."""
    err.print(f"[bold red]error:[/] {escape(visible(message))}", highlight=False)


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on one line; times as ISO 8601."""
    print(json.dumps(value, default=_plain))


def quoted(value: object) -> str:
    """A word that others chose, for a line with markup: shown as it is, never obeyed."""
    return escape(visible(str(value)))


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table; numbers to the right."""
    table = Table(title=escape(visible(title)), title_justify="left")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(Text("" if cell is None else visible(str(cell))) for cell in row))
    out.print(table)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
