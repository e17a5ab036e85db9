"""Merges what was read of orders that the hub knows already."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete

from normalization.records import CanonicalOrder
from order_store.cancelling import count_down
from order_store.changes import changes
from order_store.creating import Arrival
from order_store.dialects import Row, insert_rows, update_rows
from order_store.events import add_event_rows, encode_detail
from order_store.loading import StoredOrder, load_orders
from order_store.merging import Merged, merge
from order_store.personal import DATASETS as PERSONAL
from order_store.personal import replace_personal_data
from order_store.rows import (
    CHILD_COLUMNS,
    CHILD_TABLES,
    CHILDREN,
    LINE_COLUMNS,
    ORDER_COLUMNS,
    HubColumns,
    add_child_rows,
    line_row,
    order_row,
)
from order_store.schema.base import to_micros
from order_store.schema.orders import order_lines, orders
from order_store.status import orders_on_hold, status_of
from order_store.verdicts import judge_orders
from order_store.versions import encode_versions

_ORDER_KEYS = ("id", "connection_id", "external_id")
_ORDER_CHANGES = ORDER_COLUMNS[3:]
_VERSION_COLUMNS = ("version_revision", "version_observed_at", "dataset_versions")
_LINE_KEYS = ("order_id", "line_no")
_LINE_CHANGES = LINE_COLUMNS[2:]


@dataclass(frozen=True, slots=True)
class _Update:
    """One known order, what was read of it, and the outcome."""

    order_id: int
    stored: StoredOrder
    incoming: CanonicalOrder
    merged: Merged

    @property
    def outcome(self) -> str:
        if self.merged.changed:
            return "updated"
        return "unchanged" if self._up_to_date() else "stale"

    def _up_to_date(self) -> bool:
        return self.incoming.version.key() >= self.stored.order.version.key()

    @property
    def revision(self) -> int:
        grown = 1 if self.merged.changed else 0
        return int(self.stored.row["revision"]) + grown


def update_orders(
    tx: Connection, arrival: Arrival, pairs: Sequence[tuple[int, CanonicalOrder]]
) -> list[tuple[int, CanonicalOrder, str, int]]:
    """Merge reads into orders that are locked.

    Args:
        tx: A write transaction.
        arrival: What they have in common.
        pairs: (order id, what was read), no order twice.

    Returns:
        (order id, what was read, outcome, hub revision after it) of each.
    """
    stored = load_orders(tx, [order_id for order_id, _order in pairs])
    updates = [
        _Update(order_id, stored[order_id], order, merge(stored[order_id].known, order))
        for order_id, order in pairs
    ]
    changed = [one for one in updates if one.merged.changed]
    _move_versions(tx, [one for one in updates if one.merged.moved and not one.merged.changed])
    _write_lines(tx, updates)
    if changed:
        _write_headers(tx, arrival, changed)
        _write_children(tx, changed)
        replace_personal_data(
            tx,
            arrival.connection,
            ((one.order_id, one.merged.known.order) for one in changed if one.merged.changed & PERSONAL),
        )
        _write_events(tx, arrival, changed)
        if arrival.judge:
            judge_orders(tx, [one.order_id for one in changed], arrival.judge, arrival.now)
    return [(one.order_id, one.incoming, one.outcome, one.revision) for one in updates]


def _move_versions(tx: Connection, updates: Iterable[_Update]) -> None:
    """Nothing new in them, yet an older read that arrives later must be known as older."""
    rows: list[Row] = []
    for one in updates:
        version = one.merged.known.order.version
        differing = encode_versions(version, one.merged.known.versions)
        rows.append((version.revision, to_micros(version.observed_at), differing, one.order_id))
    update_rows(tx, orders, _VERSION_COLUMNS, ("id",), rows)


def _write_headers(tx: Connection, arrival: Arrival, updates: Sequence[_Update]) -> None:
    rows: list[Row] = []
    held = orders_on_hold(tx, [one.order_id for one in updates])
    for one in updates:
        order, known, row = one.merged.known.order, one.merged.known, one.stored.row
        hub = HubColumns(
            revision=one.revision,
            status=status_of(_hub_lines(one), held=one.order_id in held).value,
            verification="unverified",
            not_routed_why=None,
            is_history=arrival.is_history(order),
            created_at=to_micros(row["created_at"]),
            changed_at=to_micros(arrival.now),
        )
        versions = encode_versions(order.version, known.versions)
        values = order_row(one.order_id, arrival.connection_id, order, versions, hub)
        rows.append((*values[3:], *values[:3]))
    update_rows(tx, orders, _ORDER_CHANGES, _ORDER_KEYS, rows)


def _hub_lines(one: _Update) -> list[Mapping[str, object]]:
    """The line rows with the channel's new quantities and the hub's own."""
    present = {line["line_id"]: line for line in one.stored.lines}
    return [
        _NO_HUB_UNITS
        | dict(present.get(line.line_id, {}))
        | {
            "ordered": line.ordered,
            "cancelled": line.cancelled,
            "fulfilled": line.fulfilled,
            "requires_shipping": line.requires_shipping,
        }
        for line in one.merged.known.order.lines or ()
    ]


_NO_HUB_UNITS: dict[str, object] = dict.fromkeys(
    ("allocated", "picked", "shipped", "delivered", "backordered", "confirmed"), 0
)


def _write_lines(tx: Connection, updates: Sequence[_Update]) -> None:
    added: list[Row] = []
    altered: list[Row] = []
    for one in updates:
        if one.merged.known.gone == one.stored.known.gone and "lines" not in one.merged.changed:
            continue
        present = {line["line_id"]: line for line in one.stored.lines}
        before = {line.line_id: line for line in one.stored.order.lines or ()}
        gone, gone_before = one.merged.known.gone, one.stored.known.gone
        line_no = max((line["line_no"] for line in one.stored.lines), default=-1)
        for line in one.merged.known.order.lines or ():
            left = gone.get(line.line_id)
            if line.line_id not in present:
                line_no += 1
                added.append(line_row(one.order_id, line_no, line, None, left))
            elif line != before[line.line_id] or left != gone_before.get(line.line_id):
                own = present[line.line_id]
                sku = own["sku"] if own["channel_sku"] == line.sku else None
                values = line_row(one.order_id, own["line_no"], line, sku, left)
                altered.append((*values[2:], *values[:2]))
    update_rows(tx, order_lines, _LINE_CHANGES, _LINE_KEYS, altered)
    if asked := [one.order_id for one in updates if any(line["cancelling"] for line in one.stored.lines)]:
        count_down(tx, asked)
    insert_rows(tx, order_lines, LINE_COLUMNS, added)


def _write_children(tx: Connection, updates: Iterable[_Update]) -> None:
    added: dict[str, list[Row]] = {table.name: [] for table in CHILD_TABLES}
    emptied: dict[str, list[int]] = {dataset: [] for dataset in CHILDREN}
    for one in updates:
        datasets = [dataset for dataset in CHILDREN if dataset in one.merged.changed]
        for dataset in datasets:
            emptied[dataset].append(one.order_id)
        add_child_rows(added, one.order_id, one.merged.known.order, datasets)
    for dataset, order_ids in emptied.items():
        for table in CHILDREN[dataset] if order_ids else ():
            tx.execute(delete(table).where(table.c.order_id.in_(order_ids)))
    for table in CHILD_TABLES:
        insert_rows(tx, table, CHILD_COLUMNS[table.name], added[table.name])


def _write_events(tx: Connection, arrival: Arrival, updates: Iterable[_Update]) -> None:
    add_event_rows(
        tx,
        [
            (
                one.order_id,
                to_micros(one.incoming.version.observed_at),
                kind,
                arrival.connection,
                None,
                encode_detail(detail),
            )
            for one in updates
            for kind, detail in changes(one.stored.order, one.merged)
        ],
    )
