"""Tables in, tables out: what is read, what is refused, what comes back."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from warehouse_routing.instance_files import InstanceError, read_instance, route_frames

COSTS = {"parcel_cost": 4.0, "cost_per_km": 0.01, "backorder_cost_per_unit": 25.0, "max_parcels_per_order": 2}


def tables() -> dict[str, pd.DataFrame]:
    return {
        "warehouses": pd.DataFrame(
            {
                "warehouse_id": ["N", "S"],
                "latitude": [50.0, 40.0],
                "longitude": [0.0, 0.0],
                "parcel_capacity": [None, 5],
            }
        ),
        "stock": pd.DataFrame(
            {"warehouse_id": ["N", "S", "S"], "sku": ["a", "a", "b"], "available": [1, 1, 3]}
        ),
        "orders": pd.DataFrame({"order_id": ["1", "2"], "latitude": [49.0, 41.0], "longitude": [0.0, 0.0]}),
        "order_lines": pd.DataFrame(
            {
                "order_id": ["2", "1", "2"],
                "line_id": ["x", "x", "y"],
                "sku": ["a", "a", "b"],
                "quantity": [1, 1, 4],
            }
        ),
    }


def write(folder: Path, changed: dict[str, pd.DataFrame] | None = None) -> None:
    for name, frame in (tables() | (changed or {})).items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    (folder / "costs.json").write_text(json.dumps(COSTS))


def test_frames_are_routed_each_to_its_nearest_with_cost_and_proof() -> None:
    answer = route_frames(tables(), COSTS)
    degree = math.pi * 6371.0088 / 180
    assert answer.cost == pytest.approx(2 * (4.0 + 0.01 * degree) + 4 * 25.0)
    assert answer.lower_bound == pytest.approx(answer.cost, rel=1e-5)
    assert (answer.parcels, answer.units_backordered) == (2, 4)
    rows = {(r.order_id, r.line_id, r.warehouse_id, r.quantity) for r in answer.allocation.itertuples()}
    assert rows == {("1", "x", "N", 1), ("2", "x", "S", 1)}


def test_a_folder_reads_like_its_frames(tmp_path: Path) -> None:
    write(tmp_path)
    batch = read_instance(tmp_path).batch
    assert batch.capacity.tolist() == [-1, 5]
    assert batch.line_start.tolist() == [0, 1, 3]
    assert batch.stock.sum() == 5


@pytest.mark.parametrize("policy", ["cheapest", "nearest", "fewest_parcels"])
def test_each_policy_serves_what_can_be_served(policy: str) -> None:
    answer = route_frames(tables(), COSTS, policy=policy)
    assert answer.units_backordered == 4
    assert 0 < answer.lower_bound <= route_frames(tables(), COSTS).cost <= answer.cost


@pytest.mark.parametrize("policy", ["fastest", "ranked_sites", "stay_in_market", "best"])
def test_a_policy_that_the_tables_cannot_serve_is_refused(policy: str) -> None:
    with pytest.raises(InstanceError, match=policy):
        route_frames(tables(), COSTS, policy=policy)


@pytest.mark.parametrize(
    ("table", "column", "value", "complaint"),
    [
        ("stock", "warehouse_id", "Z", "stock, row 2: warehouse_id Z is not in warehouses"),
        ("stock", "available", -1, "stock, row 2: available must be a whole number from 0"),
        ("order_lines", "order_id", "9", "order_lines, row 2: order_id 9 is not in orders"),
        ("order_lines", "quantity", 0, "order_lines, row 2: quantity must be a whole number from 1"),
        ("order_lines", "quantity", 1.5, "order_lines, row 2: quantity must be a whole number"),
        ("order_lines", "sku", None, "order_lines, row 2: sku is empty"),
        ("order_lines", "sku", "", "order_lines, row 2: sku is empty"),
        ("order_lines", "line_id", None, "order_lines, row 2: line_id is empty"),
        ("order_lines", "order_id", None, "order_lines, row 2: order_id is empty"),
        ("order_lines", "quantity", None, "order_lines, row 2: quantity must be .*, not empty"),
        ("stock", "sku", None, "stock, row 2: sku is empty"),
        ("stock", "available", 1e30, "stock, row 2: available must be .* to 1,000,000,000,000, not '1e"),
        (
            "orders",
            "latitude",
            "north",
            "orders, row 2: latitude must be a number from -90 to 90, not 'north'",
        ),
        ("orders", "latitude", 91, "orders, row 2: latitude must be a number from -90 to 90, not '91'"),
        ("orders", "longitude", math.inf, "orders, row 2: longitude must be a number from -180 to 180"),
        ("orders", "order_id", "2", "orders, row 3: order_id 2 stands there twice"),
        ("warehouses", "parcel_capacity", -3, "warehouses, row 2: parcel_capacity"),
        ("warehouses", "parcel_capacity", "many", "warehouses, row 2: parcel_capacity"),
        ("warehouses", "parcel_capacity", math.inf, "warehouses, row 2: parcel_capacity .* leave it empty"),
        ("warehouses", "parcel_capacity", 1e30, "warehouses, row 2: parcel_capacity .* leave it empty"),
    ],
)
def test_a_bad_row_is_named(table: str, column: str, value: str | float | None, complaint: str) -> None:
    given = tables()
    frame = given[table].astype({column: object})
    frame.loc[0, column] = value
    given[table] = frame
    with pytest.raises(InstanceError, match=complaint):
        route_frames(given, COSTS)


def test_missing_files_columns_and_costs_are_named(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match=r"warehouses\.csv is missing"):
        read_instance(tmp_path)
    write(tmp_path, {"stock": tables()["stock"].drop(columns="sku")})
    with pytest.raises(InstanceError, match="stock: the column sku is missing"):
        read_instance(tmp_path)
    with pytest.raises(InstanceError, match="max_parcels_per_order"):
        route_frames(tables(), COSTS | {"max_parcels_per_order": 0.5})
    with pytest.raises(InstanceError, match="parcel_cost must be a number"):
        route_frames(tables(), {k: v for k, v in COSTS.items() if k != "parcel_cost"})


@pytest.mark.parametrize("name", list(COSTS))
@pytest.mark.parametrize("value", [1e300, 10**400, -1, math.nan, None, "4", True], ids=lambda v: str(v)[:9])
def test_a_cost_that_cannot_be_reckoned_with_is_refused(name: str, value: float) -> None:
    with pytest.raises(InstanceError, match=f"costs: {name} must be a number from 0 to 1,000,000,000,000"):
        route_frames(tables(), COSTS | {name: value})


def test_more_parcels_than_sites_are_no_limit() -> None:
    answer = route_frames(tables(), COSTS | {"max_parcels_per_order": 10**12}, policy="fewest_parcels")
    assert (answer.parcels, answer.units_backordered) == (2, 4)


def test_rows_are_counted_from_the_heading_whatever_a_frame_s_index_is() -> None:
    given = tables()
    given["orders"] = given["orders"].set_index(pd.Index(["p", "q"])).assign(latitude=[49.0, 99.0])
    with pytest.raises(InstanceError, match="orders, row 3: latitude"):
        route_frames(given, COSTS)


def test_blank_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    write(tmp_path)
    stock = tmp_path / "stock.csv"
    stock.write_text("warehouse_id,sku,available\n\nN,a,1\n\n\nS,a,1\n\n")
    assert read_instance(tmp_path).batch.stock.sum() == 2
    stock.write_text("warehouse_id,sku,available\n\nN,a,1\n\n\nS,a,x\n")
    with pytest.raises(InstanceError, match=r"stock, row 6: available must be a whole number .* not 'x'"):
        read_instance(tmp_path)


def test_more_cells_than_columns_are_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "stock.csv").write_text("warehouse_id,sku,available\nN,a,1,2\n")
    with pytest.raises(InstanceError, match="more cells than the heading has columns"):
        read_instance(tmp_path)


@pytest.mark.parametrize("name", ["orders.csv", "costs.json"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(InstanceError, match=f"{name} can't be read: Is a directory"):
        read_instance(tmp_path)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"parcel_cost": ' + "9" * 5000 + "}", "[]"], ids=len)
def test_costs_that_are_no_object_are_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path)
    (tmp_path / "costs.json").write_text(text)
    with pytest.raises(InstanceError, match=r"costs\.json (is not JSON|must be an object)"):
        read_instance(tmp_path)
