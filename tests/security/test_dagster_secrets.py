"""Secrets in everything that a run of Dagster leaves behind: event log, run configuration, logs, files."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.pipelines.dagster_hub import opened_works
from tests.security.canaries import MARK, leaks


def test_failing_runs_leave_no_secret_in_dagsters_storage_nor_in_the_hubs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with opened_works(tmp_path, monkeypatch) as works:
        for connection in ("SHOPIFY_EU_ACCESS_TOKEN", "WOO_DE_CONSUMER_SECRET", "VENDURE_US_PASSWORD"):
            monkeypatch.setenv(f"SANDBOX_{connection}", f"{MARK}-{connection}")
        for job in ("sync_shopify_eu", "sync_woo_de", "sync_vendure_us"):
            assert not works.run(job).success
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert leaks(file.read_bytes().decode("latin-1")) == [], file
    shown = capfd.readouterr()
    assert leaks(shown.out + shown.err) == []
    assert any(file.suffix == ".db" and _rows(file) for file in (tmp_path / "dagster").rglob("*.db"))


def _rows(file: Path) -> int:
    """How many events a storage file of Dagster holds: the search was of something."""
    with closing(sqlite3.connect(file)) as storage:
        tables = [row[0] for row in storage.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if "event_logs" not in tables:
            return 0
        return int(storage.execute("SELECT count(*) FROM event_logs").fetchone()[0])
