"""`orderhub outbox`: messages that wait for a person, or for anything else."""

import getpass
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, select

from order_store.events import timeline
from order_store.outbox import OutboxRow, State, messages
from order_store.outbox_people import find_message
from order_store.schema.orders import orders
from order_store.schema.reading import connections
from pipelines.cli.output import ConfigOption, JsonOption, out, print_json, print_table
from pipelines.hub import open_hub
from pipelines.problems import ProblemError
from pipelines.services.people import leave, mark_done, send_again

app = typer.Typer(
    help="Messages to vendors: look at them, send one again, say that it was done, or leave it."
)
IdArgument = Annotated[int, typer.Argument(help="The message's number, as `outbox list` shows it.")]
ByOption = Annotated[str, typer.Option(help="Who decides.", default_factory=getpass.getuser)]
WhyOption = Annotated[str, typer.Option(help="Why; it stands in the order's history.")]
WAITING = tuple(state for state in State if state not in (State.APPLIED, State.SUPERSEDED))


@app.command("list")
def list_messages(
    connection: Annotated[str | None, typer.Option(help="Only this connection's.")] = None,
    state: Annotated[
        list[State] | None, typer.Option(help="Only in this state; may be given more than once.")
    ] = None,
    limit: Annotated[int, typer.Option(help="So many at most.")] = 200,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """List messages, oldest first: without --state all that wait, or that a vendor refused.

    Example: orderhub outbox list --state needs_person
    """
    with open_hub(config) as hub, hub.store.read() as tx:
        names = _names(tx)
        wanted = next((key for key, name in names.items() if name == connection), None)
        if connection is not None and wanted is None:
            raise ProblemError(
                f"no connection {connection!r}; there are: {', '.join(sorted(names.values()))}"
            )
        found = messages(tx, connection_id=wanted, states=state or WAITING, limit=limit)
        rows = [_plain(tx, row, names) for row in found]
    if as_json:
        print_json({"messages": rows})
        return
    columns = ("number", "connection", "operation", "order", "reference", "state", "not_before", "reason")
    print_table(f"{len(rows)} messages", columns, [[row[name] for name in columns] for row in rows])


@app.command("show")
def show(number: IdArgument, config: ConfigOption = "hub.yaml", as_json: JsonOption = False) -> None:
    """Show one message, and what happened to its order since it was written."""
    with open_hub(config) as hub, hub.store.read() as tx:
        row = _find(tx, number)
        told = _plain(tx, row, _names(tx))
        events = [one for one in timeline(tx, row.order_id) if one.at >= row.created_at]
    if as_json:
        since = [{"at": one.at, "kind": one.kind, "source": one.source, "why": one.why} for one in events]
        print_json(told | {"events": since})
        return
    print_table(f"Message {number}", ("", ""), list(told.items()))
    rows = [(one.at, one.kind, one.source, one.why or one.detail) for one in events]
    print_table("Since then", ("when", "what", "who says so", "why"), rows)


@app.command("retry")
def retry(
    number: IdArgument,
    why: WhyOption,
    by: ByOption,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Have a refused message, or one that needs a person, sent again with the next round.

    It is not looked up before: only do this once you have seen at the vendor that it was not done.

    Example: orderhub outbox retry 17 --why "the SKU is mapped at ShipBob now"
    """
    with open_hub(config) as hub:
        row = send_again(hub, number, by, why)
    _say(row, "will be sent again", as_json)


@app.command("done")
def done(
    number: IdArgument,
    reference: Annotated[
        str,
        typer.Option(
            help="The vendor's own id of what was made: of a picklist, the WMS's id of the shipment."
        ),
    ],
    why: WhyOption,
    by: ByOption,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Say that a message was done at the vendor: by its lost call, or by hand.

    Example: orderhub outbox done 17 --reference 88120 --why "seen in ShipBob's list of orders"
    """
    with open_hub(config) as hub:
        row = mark_done(hub, number, reference, by, why)
    _say(row, "is settled as done", as_json)


@app.command("dismiss")
def dismiss(
    number: IdArgument,
    why: WhyOption,
    by: ByOption,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Say that a message was not done and shall not be. What a refusal would have led to follows.

    Example: orderhub outbox dismiss 17 --why "the buyer was told by phone"
    """
    with open_hub(config) as hub:
        row = leave(hub, number, by, why)
    _say(row, "will not be sent", as_json)


def _say(row: OutboxRow, outcome: str, as_json: bool) -> None:
    if as_json:
        print_json({"number": row.id, "operation": row.operation, "reference": row.reference, "now": outcome})
    else:
        out.print(f"{row.operation} {row.reference} {outcome}", highlight=False)


def _find(tx: Connection, number: int) -> OutboxRow:
    try:
        return find_message(tx, number)
    except KeyError as error:
        raise ProblemError(f"there is no message {number}; see `orderhub outbox list`") from error


def _names(tx: Connection) -> dict[int, str]:
    return {row.id: row.name for row in tx.execute(select(connections.c.id, connections.c.name))}


def _plain(tx: Connection, row: OutboxRow, names: dict[int, str]) -> dict[str, Any]:
    order = tx.scalar(select(orders.c.number).where(orders.c.id == row.order_id))
    return {
        "number": row.id,
        "connection": names[row.connection_id],
        "operation": row.operation,
        "order": order,
        "reference": row.reference,
        "state": row.state.value,
        "attempts": row.attempts,
        "not_before": row.not_before,
        "reason": row.reason,
        "vendor_ref": row.vendor_ref,
        "created_at": row.created_at,
        "sent_at": row.sent_at,
        "settled_at": row.settled_at,
    }
