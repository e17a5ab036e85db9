"""`orderhub quarantine`: records that no order could be made of."""

import getpass
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from order_store.landing import RecordErased
from order_store.quarantine import Quarantined, list_quarantine, show_quarantined
from pipelines.cli.output import ConfigOption, JsonOption, out, print_json, print_table
from pipelines.hub import open_hub
from pipelines.problems import ProblemError
from pipelines.services.people import dismiss_record
from pipelines.services.retry import retry_all, retry_record

app = typer.Typer(help="Records that no canonical record could be made of: look at them, try them again.")
IdArgument = Annotated[int, typer.Argument(help="The record's number, as `quarantine list` shows it.")]


@app.command("list")
def list_records(
    connection: Annotated[str | None, typer.Option(help="Only this connection's.")] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Those that are settled, too.")] = False,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """List what is quarantined, oldest first, with the reason."""
    with open_hub(config) as hub, hub.store.read() as tx:
        found = list_quarantine(tx, connection=connection, resolved=resolved)
    if as_json:
        print_json({"records": [_plain(one) for one in found]})
        return
    columns = ("number", "connection", "record", "reason", "detail", "since", "attempts")
    rows = [
        (
            one.id,
            one.connection,
            f"{one.failure.stream} {one.failure.external_id}",
            one.failure.reason,
            one.failure.detail,
            one.since,
            one.attempts,
        )
        for one in found
    ]
    print_table(f"{len(found)} in quarantine", columns, rows)


@app.command("show")
def show(number: IdArgument, config: ConfigOption = "hub.yaml", as_json: JsonOption = False) -> None:
    """Show one record with its raw body. The body may hold personal data: it is what the vendor sent.

    That you looked is written to the access log.
    """
    with open_hub(config) as hub:
        with hub.store.read() as tx:
            found = _find(tx, number)
        hub.keys.log.note_now("show a quarantined record", [number])
        try:
            landed = hub.landing.read_one(found.failure.path, found.failure.offset)
        except RecordErased as error:
            raise ProblemError(f"record {number} was erased: nobody can read it any more") from error
        raw = landed.payload.decode(errors="replace")
    if as_json:
        print_json(_plain(found) | {"raw": raw})
        return
    print_table(f"Record {number}", ("", ""), [(name, value) for name, value in _plain(found).items()])
    out.print(raw, highlight=False, markup=False, soft_wrap=True)


@app.command("retry")
def retry(
    number: Annotated[
        int | None, typer.Argument(help="The record's number; leave it out with --all.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Try every open record again.")] = False,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Make a record of the raw body once more: after a mapping was mended, or a version of the hub changed.

    The exit status is 1 if something stays in quarantine.
    """
    if (number is None) != everything:
        raise ProblemError("name one record's number, or give --all")
    with open_hub(config) as hub:
        try:
            result = retry_all(hub) if number is None else retry_record(hub, number)
        except KeyError as error:
            raise ProblemError(f"there is no record {number}; see `orderhub quarantine list`") from error
    if as_json:
        print_json({"tried": result.records, "quarantined": result.quarantined})
    else:
        out.print(f"{result.records} tried, {result.records - result.quarantined} good now")
    if result.quarantined:
        raise typer.Exit(1)


@app.command("dismiss")
def dismiss(
    number: IdArgument,
    why: Annotated[str, typer.Option(help="Why; it is kept with the record.")],
    by: Annotated[str, typer.Option(help="Who decides.", default_factory=getpass.getuser)],
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Say that nothing is to be made of a record. A newer version of it that fails opens it again.

    Example: orderhub quarantine dismiss 4 --why "a test order of the shop's developers"
    """
    with open_hub(config) as hub:
        dismiss_record(hub, number, by, why)
    if as_json:
        print_json({"dismissed": number, "by": by, "why": why})
    else:
        out.print(f"record {number} is dismissed", highlight=False)


def _find(tx: Connection, number: int) -> Quarantined:
    try:
        return show_quarantined(tx, number)
    except KeyError as error:
        raise ProblemError(f"there is no record {number}; see `orderhub quarantine list`") from error


def _plain(one: Quarantined) -> dict[str, Any]:
    return {
        "number": one.id,
        "connection": one.connection,
        "stream": one.failure.stream,
        "external_id": one.failure.external_id,
        "reason": one.failure.reason,
        "detail": one.failure.detail,
        "landing": f"{one.failure.path} at {one.failure.offset}",
        "since": one.since,
        "attempts": one.attempts,
        "resolved_at": one.resolved_at,
        "resolution": one.resolution,
    }
