"""Whose erasure is overdue, and who is erased in the store while a key of theirs is there."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from sqlalchemy import select

from order_store.dialects import IN_LIST
from order_store.erasing import names_of
from order_store.schema.privacy import erasures
from pipelines.hub import Hub
from pipelines.services.erase import REQUEST, due_orders, erase_due, erase_orders
from pipelines.services.findings import Finding

LATE = timedelta(days=1)
"""The job that erases runs once a day: what was due earlier, it has missed."""
NAMED = 20
"""Of more orders that are overdue, the others are only counted."""


def privacy_findings(hub: Hub) -> Iterator[Finding]:
    """What was to be erased and is not."""
    yield from _overdue(hub)
    yield from _living_keys(hub)


def _overdue(hub: Hub) -> Iterator[Finding]:
    for channel in hub.config.connections:
        if due := due_orders(hub, channel, LATE):
            named = ", ".join(map(str, due[:NAMED])) + (", ..." if len(due) > NAMED else "")
            yield Finding(
                "erasure_overdue",
                channel.name,
                f"the people of {len(due)} orders were to be erased a day ago or more: orders {named}",
                "erase them, and see that the job prune_history runs daily",
                _erase_due,
            )


def _living_keys(hub: Hub) -> Iterator[Finding]:
    with hub.store.read() as tx:
        erased: list[int] = list(tx.scalars(select(erasures.c.order_id).order_by(erasures.c.order_id)))
    for start in range(0, len(erased), IN_LIST):
        chunk = erased[start : start + IN_LIST]
        with hub.store.read() as tx:
            names = names_of(tx, chunk)
        if living := hub.keys.not_destroyed(names):
            named = ", ".join("/".join(name) for name in living[:NAMED])
            more = ", ..." if len(living) > NAMED else ""
            yield Finding(
                "erasure_undone",
                f"orders {chunk[0]} to {chunk[-1]}",
                f"{len(living)} keys of erased people are there, or can be made again: {named}{more};"
                " perhaps an older key store was put back without its erasure lists",
                "put the newest lists back; what they lack is erased again",
                partial(_erase_again, order_ids=chunk),
            )


def _erase_due(hub: Hub) -> None:
    erase_due(hub)


def _erase_again(hub: Hub, order_ids: list[int]) -> None:
    erase_orders(hub, order_ids, REQUEST)
