"""Runs of jobs against the sandbox, in this process."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from sqlalchemy import update

from order_store.schema.fulfilment import picklists
from order_store.schema.orders import orders
from pipelines.services.kpis import kpi_file
from tests.pipelines.dagster_hub import CHANNELS, Works, opened_works, steps

pytestmark = pytest.mark.filterwarnings(
    "ignore:AssetExecutionContext.op is deprecated:DeprecationWarning"  # dagster-dbt calls it
)
FOREVER = 10_000


@pytest.fixture
def works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Works]:
    with opened_works(tmp_path, monkeypatch) as found:
        yield found


def published(works: Works) -> Path:
    with works.hub() as hub:
        return kpi_file(hub)


def test_main_serves_everyone_but_the_vendor_that_is_down_and_catches_up_later(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = _spoil(monkeypatch)

    first = works.run("main")

    assert not first.success
    assert steps(first, "FAILURE") == {"woo_de_orders"}
    assert steps(first, "SKIPPED") == set()
    assert {name for name, count in works.orders().items() if count} == set(CHANNELS) - {"woo-de"}
    assert _rows(works, "fct_orders") == sum(works.orders().values()) > 0
    figures = _metadata(first, "shopify_eu_orders")
    assert figures["created"] == figures["dagster/row_count"] == works.orders()["shopify-eu"]

    monkeypatch.setenv(*right)
    works.sandbox.simulation.advance(timedelta(hours=1))

    assert works.run("sync_woo_de").success
    assert works.orders()["woo-de"] > 0


def test_what_does_not_add_up_is_not_published(works: Works) -> None:
    assert works.run("sync_shopify_eu").success
    with works.hub() as hub, hub.store.begin() as tx:
        tx.execute(update(orders).values(total_minor=orders.c.total_minor + 1))

    result = works.run("main")

    assert not result.success
    checks = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert not checks["everything_adds_up"].passed
    assert "shopify-eu" in str(checks["everything_adds_up"].metadata["records"].value)
    assert not checks["conservation_of_money"].passed
    assert {"kpi_models", "analytics__kpi_file"} & steps(result, "START") == set()
    assert not published(works).exists()
    assert {"picklists", "confirmations"} <= steps(result, "SUCCESS"), "picking goes on"


def test_a_kit_in_parts_is_named_and_stops_nothing(works: Works) -> None:
    for job in ("sync_tryton_lyon", "sync_shopify_eu", "fulfil"):
        assert works.run(job).success
    with works.hub() as hub, hub.store.begin() as tx:
        tx.execute(update(picklists).values(state="shipped"))  # and no parcel holds anything

    result = works.run("fulfil")

    assert result.success
    checks = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert not checks["kits_left_whole"].passed
    assert checks["kits_left_whole"].severity is dg.AssetCheckSeverity.WARN
    assert "no picklist will send them" in str(checks["kits_left_whole"].metadata["records"].value)


def test_trouble_that_passes_is_retried_and_forgotten(works: Works, caplog: pytest.LogCaptureFixture) -> None:
    works.sandbox.fault("shopify-eu", "server_error", 5)

    result = works.run("sync_shopify_eu")

    assert result.success
    assert steps(result, "UP_FOR_RETRY") == {"shopify_eu_orders"}
    assert works.orders()["shopify-eu"] > 0


def test_rejected_credentials_are_not_retried(works: Works, monkeypatch: pytest.MonkeyPatch) -> None:
    _spoil(monkeypatch)

    result = works.run("sync_woo_de")

    assert steps(result, "FAILURE") == {"woo_de_orders"}
    assert steps(result, "UP_FOR_RETRY") == set()


def test_s43_a_tick_that_is_repeated_after_a_failed_run_still_does_the_work(works: Works) -> None:
    works.sandbox.fault("shopify-eu", "server_error", FOREVER)
    assert _tick(works, "sync_shopify_eu") is None
    assert not works.run("sync_shopify_eu").success
    works.sandbox.vendors["shopify-eu"].faults.switch_off("server_error")

    assert _tick(works, "sync_shopify_eu") is None, "nothing by which the repeated request could be dropped"
    assert works.run("sync_shopify_eu").success

    assert works.orders()["shopify-eu"] > 0


def test_a_job_is_not_started_again_while_it_is_at_work(works: Works) -> None:
    works.instance.create_run_for_job(
        works.defs.resolve_job_def("sync_shopify_eu"), status=dg.DagsterRunStatus.STARTED
    )
    asked = works.defs.resolve_schedule_def("sync_shopify_eu_schedule").evaluate_tick(_context(works))
    assert not asked.run_requests
    assert asked.skip_message == "sync_shopify_eu is still at work"


def test_a_day_of_the_past_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
    with opened_works(tmp_path, monkeypatch, start=day) as works:
        result = works.run("backfill_shopify_eu", partition=day.date().isoformat())
        assert result.success
        filled = works.orders()["shopify-eu"]
        assert filled > 0
        assert _metadata(result, "shopify_eu_orders_by_day")["dagster/partition_row_count"] == filled

        again = works.run("backfill_shopify_eu", partition=day.date().isoformat())
        assert _metadata(again, "shopify_eu_orders_by_day")["unchanged"] == filled


def test_pruning_deletes_the_drafts_of_prints_that_were_killed(works: Works) -> None:
    with works.hub() as hub:
        folder = hub.state.parent / "picklists" / "LYS" / "2026-11-02"
    folder.mkdir(parents=True)
    yesterday = time.time() - timedelta(days=1).total_seconds()
    for name in ("1001-1-LYS.pdf", "1001-2-LYS.killed.part", "1001-3-LYS.written.part"):
        (folder / name).touch()
        if "written" not in name:
            os.utime(folder / name, (yesterday, yesterday))
    assert works.run("prune_history").success
    assert sorted(path.name for path in folder.iterdir()) == ["1001-1-LYS.pdf", "1001-3-LYS.written.part"]


def _spoil(monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Give woo-de a wrong secret; returns the name and the right one."""
    name = "SANDBOX_WOO_DE_CONSUMER_SECRET"
    right = os.environ[name]
    monkeypatch.setenv(name, "wrong")
    return name, right


def _context(works: Works) -> dg.ScheduleEvaluationContext:
    return dg.build_schedule_context(
        instance=works.instance, scheduled_execution_time=datetime(2026, 11, 2, 12, tzinfo=UTC)
    )


def _tick(works: Works, job: str) -> str | None:
    """Evaluate a schedule; returns the run key of the one run that it asks for."""
    asked = works.defs.resolve_schedule_def(f"{job}_schedule").evaluate_tick(_context(works))
    (request,) = asked.run_requests or ()
    return request.run_key


def _metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, object]:
    (event,) = [
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key.to_user_string() == asset
    ]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def _rows(works: Works, table: str) -> int:
    with duckdb.connect(str(published(works)), read_only=True) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
