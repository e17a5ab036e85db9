"""A store's views as plain tables, with orders small enough to reckon every KPI by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Engine, create_engine, text

from analytics.build import build
from analytics.extract import VIEWS, extract
from normalization.money import exponent

WAREHOUSES = [
    {"warehouse": "LYS", "name": "Lyon", "country_code": "FR", "time_zone": "Europe/Paris"},
    {"warehouse": "LAX", "name": "Los Angeles", "country_code": "US", "time_zone": "America/Los_Angeles"},
]


def at(day: int, hour: int, minute: int = 0) -> int:
    """Microseconds of a moment in November 2026, UTC."""
    return int(datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000


def order(
    key: str, placed: int, status: str, total: int, tax: int, sites: int, **more: object
) -> dict[str, Any]:
    return {
        "order_key": key,
        "channel": "shop",
        "external_id": key,
        "number": f"#{key}",
        "status": status,
        "is_history": 0,
        "placed_at": placed,
        "ship_by": None,
        "country_code": "FR",
        "currency": "EUR",
        "total_minor": total,
        "tax_minor": tax,
        "allocation_sites": sites,
    } | more


def line(key: str, ordered: int, shipped: int, **more: object) -> dict[str, Any]:
    return {
        "order_key": key,
        "channel": "shop",
        "line_id": "1",
        "channel_sku": "MUG",
        "sku": "MUG",
        "ordered": ordered,
        "cancelled": 0,
        "allocated": shipped,
        "picked": shipped,
        "shipped": shipped,
        "delivered": shipped,
        "returned": 0,
        "elsewhere": 0,
        "net_minor": 1000,
        "tax_minor": 200,
        "total_minor": 1200,
        "first_routed_at": at(2, 9),
        "backordered_at_first_routing": 0,
        "units_from_stock_first": shipped,
    } | more


def parcel(
    key: str, order_key: str, warehouse: str, shipped: int, delivered: int | None, due: int
) -> dict[str, Any]:
    return {
        "shipment_key": key,
        "order_key": order_key,
        "channel": "shop",
        "warehouse": warehouse,
        "carrier": "UPS",
        "tracking_number": f"1Z{key}",
        "tracking_status": "delivered" if delivered else "in_transit",
        "shipped_at": shipped,
        "dispatch_due_at": due,
        "delivered_at": delivered,
        "confirmed_at": shipped,
        "units": 1,
    }


ROWS: dict[str, list[dict[str, Any]]] = {
    "connections": [{"connection": "shop", "connector": "shopify", "kind": "channel"}],
    "skus": [{"sku": "MUG", "title": "Mug", "weight_g": 300, "lot_tracked": 0}],
    "orders": [
        # placed 2 November 23:30 UTC: 3 November in Paris
        order("A", at(2, 23, 30), "delivered", 2400, 400, 1),
        order("B", at(3, 9), "delivered", 1200, 200, 2),
        order("C", at(3, 10), "backordered", 1199, 200, 0, currency="JPY"),
        order("D", at(4, 10), "cancelled", 0, 0, 0),
    ],
    "order_lines": [
        line("A", 2, 2, returned=1),
        line("B", 4, 4),
        line("C", 3, 0, backordered_at_first_routing=1, units_from_stock_first=1, elsewhere=1),
        # fulfilled by somebody else, and cancelled after that
        line("D", 1, 0, cancelled=1, first_routed_at=None, units_from_stock_first=0, elsewhere=1),
    ],
    "shipments": [
        # handed over 4 November 01:00 UTC: still 3 November in Los Angeles
        parcel("P1", "A", "LAX", at(4, 1), at(5, 23, 30), due=at(4, 2)),
        parcel("P2", "B", "LYS", at(4, 10), at(5, 9), due=at(4, 9)),
        parcel("P3", "B", "LAX", at(4, 10), at(6, 9), due=at(4, 11)),
    ],
    "shipment_lines": [
        {
            "shipment_key": "P1",
            "order_key": "A",
            "line_id": "1",
            "sku": "MUG",
            "bin": "A-01",
            "lot": None,
            "quantity": 2,
        }
    ],
    "tracking_events": [
        {
            "shipment_key": "P1",
            "tracking_number": "1ZP1",
            "occurred_at": at(5, 23, 30),
            "status": "delivered",
            "code": "D",
            "city": "Paris",
            "country_code": "FR",
        }
    ],
    "returns": [
        {
            "return_key": "R1",
            "order_key": "A",
            "line_id": "1",
            "quantity": 1,
            "reason": "wrong_item",
            "state": "closed",
            "returned_at": at(9, 9),
        },
        *(
            {
                "return_key": f"R-{state}",
                "order_key": "B",
                "line_id": "1",
                "quantity": 1,
                "reason": "wrong_item",
                "state": state,
                "returned_at": at(9, 9),
            }
            for state in ("requested", "declined", "canceled")
        ),
    ],
}


def make_store(path: Path, rows: dict[str, list[dict[str, Any]]]) -> Engine:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        for table, schema in VIEWS.items():
            connection.execute(text(f"CREATE TABLE analytics_{table} ({', '.join(schema.names)})"))
            names = ", ".join(f":{name}" for name in schema.names)
            if rows.get(table):
                connection.execute(text(f"INSERT INTO analytics_{table} VALUES ({names})"), rows[table])
    return engine


@pytest.fixture(scope="session")
def kpi_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A KPI database that was extracted and built once."""
    folder = tmp_path_factory.mktemp("kpi")
    engine = make_store(folder / "store.db", ROWS)
    with engine.connect() as tx, tx.begin():
        extract(tx, folder / "extract", WAREHOUSES, exponent)
    engine.dispose()
    build(folder / "extract", folder / "kpi.duckdb", "Europe/Paris", folder / "target")
    return folder / "kpi.duckdb"


@pytest.fixture
def kpis(kpi_file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The KPI tables, to read."""
    with duckdb.connect(str(kpi_file), read_only=True) as connection:
        yield connection
