"""A snapshot that breaks a rule is not published, and every column says what it is."""

from pathlib import Path

import pytest
import yaml

from analytics.build import PROJECT, BuildFailedError, build
from analytics.extract import extract
from normalization.money import exponent
from tests.analytics.conftest import ROWS, WAREHOUSES, make_store


def test_a_line_with_more_cancelled_than_ordered_fails_the_build(tmp_path: Path) -> None:
    broken = [dict(ROWS["order_lines"][0], cancelled=3), *ROWS["order_lines"][1:]]
    engine = make_store(tmp_path / "store.db", ROWS | {"order_lines": broken})
    with engine.connect() as tx, tx.begin():
        extract(tx, tmp_path / "extract", WAREHOUSES, exponent)
    engine.dispose()
    with pytest.raises(BuildFailedError, match="part_of_fct_order"):
        build(tmp_path / "extract", tmp_path / "kpi.duckdb", "Europe/Paris", tmp_path / "target")


def test_every_model_and_every_column_is_described_and_tested() -> None:
    models = {path.stem for path in (PROJECT / "models").rglob("*.sql")}
    described = {}
    for path in (PROJECT / "models").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text()).get("models", []):
            described[model["name"]] = model
    assert set(described) == models
    for name, model in described.items():
        assert model["description"], name
        assert all(column["description"] for column in model["columns"]), name
        assert any("data_tests" in column for column in model["columns"]), name


def test_described_columns_are_the_columns_that_are_built(kpi_file: Path) -> None:
    import duckdb

    with duckdb.connect(str(kpi_file), read_only=True) as connection:
        built = connection.execute(
            "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() GROUP BY 1"
        ).fetchall()
    columns = dict(built)
    for path in (PROJECT / "models").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text()).get("models", []):
            assert [column["name"] for column in model["columns"]] == columns[model["name"]], model["name"]
