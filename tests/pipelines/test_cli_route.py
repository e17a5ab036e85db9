"""`orderhub route` as a person runs it, checked by the routing benchmark's own evaluator."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.routing_rivals import cost_of, highs, nearest_first
from pipelines.cli.app import app
from pipelines.problems import ProblemError
from warehouse_routing.batch import UNSERVED
from warehouse_routing.instance_files import read_instance

BENCH = Path(
    os.environ.get("ORDERHUB_ROUTING_BENCH", Path(__file__).resolve().parents[3] / "shared" / "routing-bench")
)
FIGURES = {"cost", "lower_bound", "gap_percent", "parcels", "units_backordered", "seconds"}
needs_bench = pytest.mark.skipif(
    not BENCH.is_dir(), reason=f"routing benchmark not found at {BENCH}; set ORDERHUB_ROUTING_BENCH"
)


def bench(script: str, *arguments: object) -> str:
    command = [sys.executable, str(BENCH / script), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bench("generate.py", tmp_path, "--orders", 200, "--skus", 40, "--warehouses", 5, "--seed", 77,
          "--capacity", 1.3)  # fmt: skip
    return tmp_path


@needs_bench
@pytest.mark.parametrize("limit", [[], ["--time-limit", "0"]])
def test_the_evaluator_accepts_the_plan_and_agrees_on_its_cost(folder: Path, limit: list[str]) -> None:
    answer = folder / "allocation.csv"
    result = CliRunner().invoke(app, ["route", str(folder), "--out", str(answer), "--json", *limit])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert set(figures) == FIGURES
    verdict = json.loads(bench("evaluate.py", folder, answer))
    assert figures["cost"] == pytest.approx(verdict["cost"], abs=0.011)
    assert (figures["parcels"], figures["units_backordered"]) == (
        verdict["parcels"],
        verdict["units_backordered"],
    )
    assert figures["lower_bound"] <= figures["cost"]
    # the bound is rounded down from a valid one, so it is at most the optimum that HiGHS proves
    best = highs(read_instance(folder).batch, integral=True, seconds=60)
    assert figures["lower_bound"] <= best["objective"] + 0.01
    if not limit:
        assert figures["cost"] <= 1.01 * best["objective"]


@needs_bench
def test_our_nearest_first_is_the_benchmarks(folder: Path) -> None:
    rows = bench("nearest_first.py", folder).split()[1:]
    instance = read_instance(folder)
    site = nearest_first(instance.batch)
    served = np.flatnonzero(site != UNSERVED)
    ours = {
        (instance.line_order[line], instance.line_id[line], instance.warehouse[site[line]]) for line in served
    }
    assert ours == {tuple(row.split(",")[:3]) for row in rows}
    assert cost_of(instance.batch, site) > 0


@needs_bench
def test_policies_trade_cost_for_what_they_are_named_after(folder: Path) -> None:
    found = {}
    for policy in ("cheapest", "nearest", "fewest_parcels"):
        out = str(folder / "a.csv")
        result = CliRunner().invoke(app, ["route", str(folder), "--out", out, "--json", "--policy", policy])
        found[policy] = json.loads(result.stdout)
    assert found["cheapest"]["cost"] <= 1.002 * min(figures["cost"] for figures in found.values())
    # under the other two, leaving a unit is dearer than any parcel
    assert found["fewest_parcels"]["units_backordered"] <= found["cheapest"]["units_backordered"]
    for figures in found.values():
        assert figures["lower_bound"] <= min(one["cost"] for one in found.values())
        assert figures["gap_percent"] == pytest.approx(
            100 * (figures["cost"] / figures["lower_bound"] - 1), abs=1e-3
        )


def test_a_folder_without_tables_is_one_clear_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["route", str(tmp_path), "--out", str(tmp_path / "a.csv")])
    assert isinstance(result.exception, ProblemError)
    assert "warehouses.csv is missing" in str(result.exception)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with one order that one warehouse can ship."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for name, text in {
        "warehouses.csv": "warehouse_id,latitude,longitude,parcel_capacity\nLYS,45.75,4.85,\n",
        "stock.csv": "warehouse_id,sku,available\nLYS,MUG,2\n",
        "orders.csv": "order_id,latitude,longitude\n1,48.86,2.35\n",
        "order_lines.csv": "order_id,line_id,sku,quantity\n1,1,MUG,2\n",
        "costs.json": '{"parcel_cost": 4, "cost_per_km": 0.01, "backorder_cost_per_unit": 25,'
        ' "max_parcels_per_order": 3}',
    }.items():
        (folder / name).write_text(text)
    return folder


def refusal(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["route", *map(str, arguments)])
    assert isinstance(result.exception, ProblemError), result.output
    return str(result.exception)


def test_a_folder_that_is_a_file_is_told_as_what_cannot_be_read(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    complaint = refusal(small / "orders.csv", "--out", out)
    assert "can't be read: Not a directory" in complaint
    assert "a.csv" not in complaint


def test_an_answer_that_has_no_place_is_told_before_anything_is_read(tmp_path: Path) -> None:
    """The folder of tables is empty, so reading it would complain of that."""
    missing = tmp_path / "missing"
    assert f"there is no folder {missing}" in refusal(tmp_path, "--out", missing / "x.csv")
    assert "it is a folder" in refusal(tmp_path, "--out", tmp_path)


def test_an_answer_that_cannot_be_written_is_told_with_the_reason(small: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no full device here")
    assert refusal(small, "--out", "/dev/full") == "/dev/full can't be written: No space left on device"


@pytest.mark.parametrize(("seed", "taken"), [(2**31 - 1, True), (2**31, False), (2**80, False)])
def test_a_seed_is_at_most_31_bits(small: Path, seed: int, taken: bool) -> None:
    out = small / "a.csv"
    result = CliRunner().invoke(app, ["route", str(small), "--out", str(out), "--seed", str(seed)])
    assert (result.exit_code, out.exists()) == ((0, True) if taken else (2, False)), result.output


def test_the_benchmark_says_what_it_misses(tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).parents[2] / "benchmarks" / "routing.py"), "--json"]
    environment = os.environ | {"ORDERHUB_ROUTING_BENCH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 2
    assert f"generate.py is not in {tmp_path}; set ORDERHUB_ROUTING_BENCH" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_teaches() -> None:
    result = CliRunner().invoke(app, ["route", "--help"])
    assert result.exit_code == 0
    assert "lower bound" in result.stdout


def test_starting_the_command_line_loads_neither_pandas_nor_highs() -> None:
    heavy = "{'pandas', 'highspy'}"
    code = f"import sys, pipelines.cli.app; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    assert importlib.util.find_spec("numba") is not None
