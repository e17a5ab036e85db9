"""Analysts always read one whole version (S45)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from analytics.publish import publish, stamp, taken_at

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def built(folder: Path, name: str, taken: datetime, orders: int) -> Path:
    path = folder / name
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE kpi_orders AS SELECT {orders} AS orders")
    stamp(path, taken)
    return path


def test_s45_a_reader_keeps_its_version_while_a_newer_one_is_put_in_place(tmp_path: Path) -> None:
    published = tmp_path / "orderhub.duckdb"
    assert publish(built(tmp_path, "one", NOON, 1), published)
    with duckdb.connect(str(published), read_only=True) as reader:
        assert publish(built(tmp_path, "two", NOON + timedelta(hours=1), 2), published)
        assert reader.execute("SELECT orders FROM kpi_orders").fetchall() == [(1,)]
    with duckdb.connect(str(published), read_only=True) as reader:
        assert reader.execute("SELECT orders FROM kpi_orders").fetchall() == [(2,)]


def test_an_older_snapshot_never_replaces_a_newer_one(tmp_path: Path) -> None:
    published = tmp_path / "orderhub.duckdb"
    assert publish(built(tmp_path, "new", NOON, 2), published)
    late = built(tmp_path, "late", NOON - timedelta(minutes=1), 1)
    assert not publish(late, published)
    assert taken_at(published) == NOON
    assert not late.exists()
