"""`orderhub status`: where everything stands."""

from typing import Any

import typer
from sqlalchemy import func, select

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
            select(connections.c.name, read_state.c.stream, read_state.c.watermark, read_state.c.completed_at)
            .join(connections)
            .order_by(connections.c.name, read_state.c.stream)
        ).all()
        by_status = tx.execute(select(orders.c.status, func.count()).group_by(orders.c.status)).tuples().all()
        waiting = (
            tx.execute(
                select(holds.c.code, func.count(holds.c.order_id.distinct()))
                .where(holds.c.released_at.is_(None))
                .group_by(holds.c.code)
            )
            .tuples()
            .all()
        )
        unsent = tx.execute(
            select(connections.c.name, outbox.c.operation, outbox.c.state, func.count())
            .join(connections)
            .group_by(connections.c.name, outbox.c.operation, outbox.c.state)
        ).all()
        return {
            "config_version": hub.config.version,
            "reads": [
                {"connection": name, "stream": stream, "watermark": mark, "completed_at": done}
                for name, stream, mark, done in reads
            ],
            "orders": dict(by_status),
            "held": dict(waiting),
            "quarantined": {f"{name} {reason}": n for (name, reason), n in count_quarantined(tx).items()},
            "picklists": dict(
                tx.execute(select(picklists.c.state, func.count()).group_by(picklists.c.state)).tuples().all()
            ),
            "parcels": dict(
                tx.execute(select(parcels.c.status, func.count()).group_by(parcels.c.status)).tuples().all()
            ),
            "outbox": {f"{name} {operation} {state}": n for name, operation, state, n in unsent},
            "shortages": tx.scalar(
                select(func.count()).select_from(stock_shortages).where(stock_shortages.c.ended_at.is_(None))
            ),
            "violations": {
                rule: [one.record for one in found] for rule in RULES if (found := violations(tx, rule))
            },
        }


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
