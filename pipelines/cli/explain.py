"""`orderhub explain`: one order's whole story, with the reasons."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import typer
from sqlalchemy import Connection, Table, or_, select

from normalization.money import Money
from order_store.events import timeline
from order_store.orders import load_order
from order_store.schema.fulfilment import parcels, picklists, routing_decisions
from order_store.schema.orders import orders
from order_store.schema.reading import connections
from order_store.verdicts import holds_of
from pipelines.cli.output import ConfigOption, JsonOption, out, print_json, print_table, quoted
from pipelines.hub import open_hub
from pipelines.problems import ProblemError


def explain(
    order: Annotated[str, typer.Argument(help="The order's number or its channel's id.")],
    connection: Annotated[
        str | None, typer.Option(help="Its connection, if several have that number.")
    ] = None,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Tell what happened to an order and why: quantities, holds, routing with its reasons, parcels, events.

    Examples: orderhub explain '#1001'; orderhub explain 902-0000001-0000001 --json
    """
    with open_hub(config) as hub, hub.store.read() as tx:
        story = story_of(tx, find(tx, order, connection))
    if as_json:
        print_json(story)
    else:
        _show(story)


def find(tx: Connection, order: str, connection: str | None) -> int:
    """The id of the one order of that number or external id.

    Raises:
        ProblemError: If there is none, or more than one.
    """
    query = (
        select(orders.c.id, connections.c.name)
        .join(connections)
        .where(or_(orders.c.number == order, orders.c.external_id == order))
    )
    if connection:
        query = query.where(connections.c.name == connection)
    found = tx.execute(query).all()
    if not found:
        raise ProblemError(f"no order {order!r} is known; `orderhub sync` reads the channels")
    if len(found) > 1:
        names = ", ".join(sorted(row.name for row in found))
        raise ProblemError(f"several connections have an order {order!r} ({names}): add --connection")
    return int(found[0].id)


def story_of(tx: Connection, order_id: int) -> dict[str, Any]:
    """Everything about an order, without personal data."""
    stored = load_order(tx, order_id, "explaining")
    decisions = tx.execute(
        select(routing_decisions)
        .where(routing_decisions.c.order_id == order_id)
        .order_by(routing_decisions.c.id)
    )
    return {
        "connection": stored.order.connection,
        "external_id": stored.order.external_id,
        "number": stored.order.number,
        "status": stored.row["status"],
        "verification": stored.row["verification"],
        "not_routed_why": stored.row["not_routed_why"],
        "revision": stored.row["revision"],
        "placed_at": stored.order.placed_at,
        "lines": [{name: line[name] for name in LINE} for line in stored.lines],
        "holds": [
            {"code": one.code, "detail": one.detail, "since": one.since, "released_at": one.released_at}
            for one in holds_of(tx, order_id)
        ],
        "routing": [
            {"at": row.at, "config_version": row.config_version, **msgspec.json.decode(row.plan)}
            for row in decisions
        ],
        "picklists": _rows(tx, picklists, order_id, PICKLIST),
        "parcels": _rows(tx, parcels, order_id, PARCEL),
        "events": [
            {"at": one.at, "kind": one.kind, "source": one.source, "why": one.why, "detail": one.detail}
            for one in timeline(tx, order_id)
        ],
    }


LINE = (
    "line_id",
    "channel_sku",
    "sku",
    "ordered",
    "cancelled",
    "cancelling",
    "allocated",
    "picked",
    "shipped",
    "delivered",
    "returned",
)
PICKLIST = (
    "reference",
    "warehouse",
    "state",
    "dispatch_date",
    "dispatch_due_at",
    "wms_id",
    "why",
    "intercept",
)
PARCEL = ("sequence", "carrier", "tracking_number", "status", "shipped_at", "delivered_at", "confirmed_at")


def _rows(tx: Connection, table: Table, order_id: int, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    found = tx.execute(select(table).where(table.c.order_id == order_id).order_by(table.c.id)).mappings()
    return [{name: row[name] for name in columns} for row in found]


def _money(minor: int | None, decision: Mapping[str, Any]) -> str:
    """An amount of a decision; decisions of earlier versions have none."""
    return "" if minor is None else str(Money(minor, decision.get("currency", "EUR")))


def _show(story: dict[str, Any]) -> None:
    title = quoted(f"{story['connection']} {story['number']}: {story['status']}")
    out.print(f"[bold]{title}[/] ({story['verification']}, revision {story['revision']})", highlight=False)
    if story["not_routed_why"]:
        out.print(f"not routed: {quoted(story['not_routed_why'])}", highlight=False)
    print_table("Lines", LINE, [tuple(line.values()) for line in story["lines"]])
    if story["holds"]:
        print_table(
            "Holds", ("code", "detail", "since", "released"), [tuple(one.values()) for one in story["holds"]]
        )
    for decision in story["routing"]:
        out.print(f"[bold]Routed {decision['at']:%Y-%m-%d %H:%M} UTC[/]", highlight=False)
        for reason in decision["reasons"]:
            out.print(f"  - {quoted(reason)}", highlight=False)
        sites = [
            (
                one["site"],
                f"{one['distance_km']:.0f} km" if one["distance_km"] is not None else "",
                one["dispatch_date"],
                one.get("arrives") or "",
                _money(one.get("cost"), decision),
                "chosen" if one["chosen"] else "; ".join(one["ruled_out"]) or "possible",
            )
            for one in decision["candidates"]
        ]
        print_table("Candidates", ("site", "distance", "leaves", "arrives", "cost", "verdict"), sites)
    if story["picklists"]:
        print_table("Picklists", PICKLIST, [tuple(one.values()) for one in story["picklists"]])
    if story["parcels"]:
        print_table("Parcels", PARCEL, [tuple(one.values()) for one in story["parcels"]])
    rows = [(one["at"], one["kind"], one["source"], one["why"] or one["detail"]) for one in story["events"]]
    print_table("What happened", ("when", "what", "who says so", "why"), rows)
