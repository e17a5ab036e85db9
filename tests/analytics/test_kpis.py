"""Every KPI as docs/definitions.md defines it, against figures reckoned by hand."""

from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from jinja2 import Environment

from analytics.build import PROJECT

THIRD, FOURTH = date(2026, 11, 3), date(2026, 11, 4)
Kpis = duckdb.DuckDBPyConnection


def rows(kpis: Kpis, query: str) -> list[tuple[Any, ...]]:
    return kpis.execute(query).fetchall()


def test_orders_count_on_the_merchants_local_day_and_currencies_stay_apart(kpis: Kpis) -> None:
    found = rows(
        kpis,
        "SELECT day, currency, sum(orders), sum(orders_cancelled), sum(units), sum(revenue) FROM kpi_orders"
        " GROUP BY ALL ORDER BY ALL",
    )
    assert found == [(THIRD, "EUR", 2, 0, 6, 30), (THIRD, "JPY", 1, 0, 3, 999), (FOURTH, "EUR", 1, 1, 0, 0)]


@pytest.mark.parametrize(
    ("minor", "exponent", "major"),
    [
        (9007199254740993, 2, "90071992547409.93"),
        (-9007199254740993, 3, "-9007199254740.993"),
        (10**15, 0, "1000000000000000"),
        (1, 4, "0.0001"),
    ],
)
def test_major_units_are_exact_decimals(minor: int, exponent: int, major: str) -> None:
    macros: Any = Environment(autoescape=True).from_string((PROJECT / "macros" / "days.sql").read_text())
    amount = macros.module.major(minor, exponent)
    with duckdb.connect() as database:
        found = database.execute(f"SELECT {amount}, typeof({amount})").fetchall()
    assert found == [(Decimal(major), "DECIMAL(33,4)")]


def test_revenue_is_published_as_a_decimal(kpis: Kpis) -> None:
    assert rows(kpis, "SELECT DISTINCT typeof(revenue) FROM kpi_orders") == [("DECIMAL(33,4)",)]


def test_units_that_others_fulfilled_are_not_open(kpis: Kpis) -> None:
    found = rows(kpis, "SELECT order_key, elsewhere, open FROM fct_order_lines ORDER BY 1")
    assert found == [("A", 0, 0), ("B", 0, 0), ("C", 1, 2), ("D", 1, 0)]


def test_rate_of_return_is_units_returned_over_units_shipped(kpis: Kpis) -> None:
    found = rows(
        kpis,
        "SELECT warehouse, units_returned, units_shipped, rate_of_return FROM kpi_rate_of_return ORDER BY 1",
    )
    assert found == [("LAX", 1, 2, 0.5), ("several", 0, 4, 0.0)]


def test_picking_accuracy_counts_orders_without_a_wrong_item(kpis: Kpis) -> None:
    found = rows(
        kpis,
        "SELECT warehouse, orders_right, orders_shipped, picking_accuracy_percent"
        " FROM kpi_picking_accuracy ORDER BY 1",
    )
    assert found == [("LAX", 0, 1, 0.0), ("several", 1, 1, 100.0)]


def test_a_return_that_was_not_agreed_to_is_no_wrong_item(kpis: Kpis) -> None:
    found = rows(kpis, "SELECT order_key, has_wrong_item_return FROM fct_orders ORDER BY 1")
    assert found == [("A", True), ("B", False), ("C", False), ("D", False)]


def test_lead_time_runs_from_placed_to_the_last_parcel_delivered(kpis: Kpis) -> None:
    found = rows(
        kpis,
        "SELECT warehouse, orders_delivered, mean_hours, median_hours, p95_hours"
        " FROM kpi_order_lead_time ORDER BY 1",
    )
    assert found == [("LAX", 1, 72.0, 72.0, 72.0), ("several", 1, 72.0, 72.0, 72.0)]


def test_on_time_dispatch_counts_parcels_on_the_sites_local_day(kpis: Kpis) -> None:
    found = rows(
        kpis,
        "SELECT day, warehouse, parcels_on_time, parcels_dispatched FROM kpi_on_time_dispatch ORDER BY ALL",
    )
    assert found == [(THIRD, "LAX", 1, 1), (FOURTH, "LAX", 1, 1), (FOURTH, "LYS", 0, 1)]


@pytest.mark.parametrize(
    ("table", "part", "whole", "expected"),
    [
        ("kpi_backorder_rate", "lines_backordered", "lines_routed", (1, 3)),
        ("kpi_split_rate", "orders_split", "orders_allocated", (1, 2)),
        ("kpi_fill_rate", "units_filled", "units_ordered", (6, 9)),
    ],
)
def test_rates_keep_numerator_and_denominator(
    kpis: Kpis, table: str, part: str, whole: str, expected: tuple[int, int]
) -> None:
    assert rows(kpis, f"SELECT sum({part}), sum({whole}) FROM {table}") == [expected]


def test_every_kpi_table_has_day_channel_warehouse_and_carrier(kpis: Kpis) -> None:
    tables = [
        name for (name,) in rows(kpis, "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'kpi_%'")
    ]
    assert len(tables) == 8
    for table in tables:
        columns = {
            name
            for (name,) in rows(
                kpis, f"SELECT column_name FROM duckdb_columns() WHERE table_name = '{table}'"
            )
        }
        assert {"day", "channel", "warehouse", "carrier"} <= columns
