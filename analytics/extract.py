"""Takes one consistent snapshot of the order store, through its named views, into Parquet files.

The views are the contract between the store and analytics: `analytics_<table>` for each table below, with
these columns. Moments are integer microseconds since 1970, UTC; flags are 0 or 1.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, text

MOMENT = pa.timestamp("us", tz="UTC")
WAREHOUSES = pa.schema(
    [
        ("warehouse", pa.string()),
        ("name", pa.string()),
        ("country_code", pa.string()),
        ("time_zone", pa.string()),
    ]
)
CURRENCIES = pa.schema([("currency", pa.string()), ("exponent", pa.int32())])
VIEWS: Mapping[str, pa.Schema] = {
    "orders": pa.schema(
        [
            ("order_key", pa.string()),
            ("channel", pa.string()),
            ("external_id", pa.string()),
            ("number", pa.string()),
            ("status", pa.string()),
            ("is_history", pa.bool_()),
            ("placed_at", MOMENT),
            ("ship_by", MOMENT),
            ("country_code", pa.string()),
            ("currency", pa.string()),
            ("total_minor", pa.int64()),
            ("tax_minor", pa.int64()),
            ("allocation_sites", pa.int64()),
        ]
    ),
    "order_lines": pa.schema(
        [
            ("order_key", pa.string()),
            ("channel", pa.string()),
            ("line_id", pa.string()),
            ("channel_sku", pa.string()),
            ("sku", pa.string()),
            ("ordered", pa.int64()),
            ("cancelled", pa.int64()),
            ("allocated", pa.int64()),
            ("picked", pa.int64()),
            ("shipped", pa.int64()),
            ("delivered", pa.int64()),
            ("returned", pa.int64()),
            ("elsewhere", pa.int64()),
            ("net_minor", pa.int64()),
            ("tax_minor", pa.int64()),
            ("total_minor", pa.int64()),
            ("first_routed_at", MOMENT),
            ("backordered_at_first_routing", pa.bool_()),
            ("units_from_stock_first", pa.int64()),
        ]
    ),
    "shipments": pa.schema(
        [
            ("shipment_key", pa.string()),
            ("order_key", pa.string()),
            ("channel", pa.string()),
            ("warehouse", pa.string()),
            ("carrier", pa.string()),
            ("tracking_number", pa.string()),
            ("tracking_status", pa.string()),
            ("shipped_at", MOMENT),
            ("dispatch_due_at", MOMENT),
            ("delivered_at", MOMENT),
            ("confirmed_at", MOMENT),
            ("units", pa.int64()),
        ]
    ),
    "shipment_lines": pa.schema(
        [
            ("shipment_key", pa.string()),
            ("order_key", pa.string()),
            ("line_id", pa.string()),
            ("sku", pa.string()),
            ("bin", pa.string()),
            ("lot", pa.string()),
            ("quantity", pa.int64()),
        ]
    ),
    "tracking_events": pa.schema(
        [
            ("shipment_key", pa.string()),
            ("tracking_number", pa.string()),
            ("occurred_at", MOMENT),
            ("status", pa.string()),
            ("code", pa.string()),
            ("city", pa.string()),
            ("country_code", pa.string()),
        ]
    ),
    "returns": pa.schema(
        [
            ("return_key", pa.string()),
            ("order_key", pa.string()),
            ("line_id", pa.string()),
            ("quantity", pa.int64()),
            ("reason", pa.string()),
            ("state", pa.string()),
            ("returned_at", MOMENT),
        ]
    ),
    "connections": pa.schema(
        [("connection", pa.string()), ("connector", pa.string()), ("kind", pa.string())]
    ),
    "skus": pa.schema(
        [("sku", pa.string()), ("title", pa.string()), ("weight_g", pa.int64()), ("lot_tracked", pa.bool_())]
    ),
}
BATCH = 20_000


def extract(
    tx: Connection,
    folder: Path,
    warehouses: Sequence[Mapping[str, Any]],
    exponent: Callable[[str], int],
) -> dict[str, int]:
    """Write every view to `folder`/<table>.parquet.

    Args:
        tx: A transaction of the order store that sees one moment, however long it takes.
        folder: A new folder, for this snapshot alone.
        warehouses: Rows of code, name, country and time zone, as configured.
        exponent: Decimals of a currency's minor unit, by its code.

    Returns:
        Rows by table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = {"warehouses": _write(folder / "warehouses.parquet", WAREHOUSES, [warehouses])}
    for table, schema in VIEWS.items():
        columns = ", ".join(schema.names)
        query = text(f"SELECT {columns} FROM analytics_{table}")  # noqa: S608 -- names from the table above
        result = tx.execute(query.execution_options(stream_results=True))
        batches = ([dict(row) for row in rows] for rows in result.mappings().partitions(BATCH))
        counts[table] = _write(folder / f"{table}.parquet", schema, batches)
    found = tx.execute(text("SELECT DISTINCT currency FROM analytics_orders"))
    codes: list[str] = [row[0] for row in found]
    rows = [{"currency": code, "exponent": exponent(code)} for code in sorted(codes)]
    counts["currencies"] = _write(folder / "currencies.parquet", CURRENCIES, [rows])
    return counts


def _write(path: Path, schema: pa.Schema, batches: Iterable[Sequence[Mapping[str, Any]]]) -> int:
    rows = 0
    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            columns = [_column([row[field.name] for row in batch], field.type) for field in schema]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            rows += len(batch)
    return rows


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(kind):
        values = [None if value is None else bool(value) for value in values]
    return pa.array(values, type=kind)
