"""`orderhub status`: where everything stands."""

from typing import Any

import typer
from sqlalchemy import Column, ColumnElement, Connection, func, select

from order_store.quarantine import count_quarantined
from order_store.schema.fulfilment import outbox, parcels, picklists, stock_shortages
from order_store.schema.orders import holds, orders
from order_store.schema.reading import connections, read_state
from pipelines.cli.output import ConfigOption, JsonOption, print_json, print_table
from pipelines.hub import Hub, open_hub
from pipelines.services.conservation import RULES, violations


def status(config: ConfigOption = "hub.yaml", as_json: JsonOption = False) -> None:
    """Check the configuration, and show how far every connection is read and where the orders stand.

    The exit status is 1 if something does not add up.
    """
    with open_hub(config) as hub:
        found = standing(hub)
    if as_json:
        print_json(found)
    else:
        _show(found)
    if found["violations"]:
        raise typer.Exit(1)


def standing(hub: Hub) -> dict[str, Any]:
    """The figures that `status` shows."""
    with hub.store.read() as tx:
        reads = tx.execute(
            select(connections.c.name, read_state)
            .join(connections)
            .order_by(connections.c.name, read_state.c.stream)
        )
        unsent = tx.execute(
            select(connections.c.name, outbox.c.operation, outbox.c.state, func.count())
            .join(connections)
            .group_by(connections.c.name, outbox.c.operation, outbox.c.state)
        )
        standing_holds = holds.c.released_at.is_(None)
        return {
            "config_version": hub.config.version,
            "reads": [
                {
                    "connection": row.name,
                    "stream": row.stream,
                    "watermark": row.watermark,
                    "completed_at": row.completed_at,
                }
                for row in reads
            ],
            "orders": _counts(tx, orders.c.status),
            "held": _counts(tx, holds.c.code, standing_holds),
            "quarantined": {f"{name} {reason}": n for (name, reason), n in count_quarantined(tx).items()},
            "picklists": _counts(tx, picklists.c.state),
            "parcels": _counts(tx, parcels.c.status),
            "outbox": {f"{name} {operation} {state}": n for name, operation, state, n in unsent},
            "shortages": tx.scalar(
                select(func.count()).select_from(stock_shortages).where(stock_shortages.c.ended_at.is_(None))
            ),
            "violations": {
                rule: [one.record for one in found] for rule in RULES if (found := violations(tx, rule))
            },
        }


def _counts(tx: Connection, column: Column[str], *only: ColumnElement[bool]) -> dict[str, int]:
    """Rows by a column's word."""
    found = tx.execute(select(column.label("word"), func.count().label("rows")).where(*only).group_by(column))
    return {row.word: row.rows for row in found}


def _show(found: dict[str, Any]) -> None:
    rows = [
        (one["connection"], one["stream"], one["watermark"], one["completed_at"]) for one in found["reads"]
    ]
    print_table("Read", ("connection", "stream", "everything before", "last completed"), rows)
    for title in ("orders", "held", "quarantined", "picklists", "parcels", "outbox"):
        if found[title]:
            print_table(title.capitalize(), ("", "count"), sorted(found[title].items()))
    broken = [(rule, record) for rule, records in found["violations"].items() for record in records]
    print_table("What does not add up", ("rule", "record"), broken or [("", "nothing: all adds up")])
