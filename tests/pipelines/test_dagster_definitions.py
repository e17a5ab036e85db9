"""What Dagster sees: everything loads, belongs to a job, and is scheduled."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipelines.config import load_config
from pipelines.dbt_project import TARGET, prepared_project
from pipelines.definitions_of import build, definitions
from pipelines.executor import executor
from pipelines.sandbox_secrets import SANDBOX_CONFIG
from tests.pipelines.dagster_hub import sandbox_definitions

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return sandbox_definitions()


def members(defs: dg.Definitions, job: str) -> set[str]:
    keys = defs.resolve_job_def(job).asset_layer.executable_asset_keys
    return {key.to_user_string() for key in keys}


def test_definitions_are_loadable_without_secrets_store_or_network(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_code_location_loads_where_there_is_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = TARGET.resolve()
    monkeypatch.chdir(tmp_path)
    found = build({}, target)
    assert found.metadata["merchant"].value == "Sandbox Tea & Ware"
    assert list(tmp_path.iterdir()) == [], "loading opens nothing"


def test_the_example_for_production_is_loadable() -> None:
    config = load_config(ROOT / "hub.example.yaml", {"DB_PASSWORD": "x"}, with_secrets=False)
    jobs = {job.name for job in definitions(config).resolve_all_job_defs()}
    assert "sync_shopify_eu" in jobs
    assert "sync_woo_de" not in jobs, "a connection that is not enabled has no job"


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("sync_shopify_eu", {"shopify_eu_orders"}),
        ("sync_tryton_lyon", {"tryton_lyon_stock", "tryton_lyon_shipments"}),
        ("sync_ups", {"ups_tracking"}),
        ("fulfil", {"canonical_orders", "allocations", "picklists", "confirmations"}),
        ("send", {"picklists", "confirmations"}),
        ("backfill_woo_de", {"woo_de_orders_by_day"}),
    ],
)
def test_jobs_have_the_assets_that_their_names_promise(
    defs: dg.Definitions, job: str, expected: set[str]
) -> None:
    assert members(defs, job) == expected


def test_main_has_everything_but_back_fills(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    everything = {key.to_user_string() for key in graph.executable_asset_keys}
    assert members(defs, "main") == {key for key in everything if not key.endswith("_orders_by_day")}


def test_kpis_run_from_the_snapshot_to_the_file(defs: dg.Definitions) -> None:
    found = members(defs, "kpis")
    assert {"analytics/store_snapshot", "analytics/kpi_orders", "analytics/kpi_file"} <= found
    assert all(key.startswith("analytics/") for key in found)


def test_every_asset_has_a_group_an_owner_a_description_and_a_kind(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    bare = [
        node.key.to_user_string()
        for node in graph.asset_nodes
        if not (node.owners and node.description and node.kinds) or node.group_name == "default"
    ]
    assert bare == []


def test_what_reads_or_writes_a_vendor_has_a_pool_and_is_retried(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.executable_asset_keys:
        if key.path[0] != "analytics":
            op = graph.get(key).assets_def.op
            assert op.pool, key
            assert op.retry_policy, key


def test_every_schedule_runs_in_the_merchants_time_zone(defs: dg.Definitions) -> None:
    schedules = {schedule.job_name: schedule for schedule in defs.schedules or ()}
    jobs = {job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert set(schedules) == {job for job in jobs if job != "main" and not job.startswith("backfill_")}
    for schedule in schedules.values():
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
        assert schedule.execution_timezone == "Europe/Paris"


def test_cron_lines_come_from_hub_yaml(tmp_path: Path) -> None:
    text = SANDBOX_CONFIG.read_text() + '\nschedules:\n  channels: "7 * * * *"\n  prune: "1 2 * * *"\n'
    (tmp_path / "hub.yaml").write_text(text)
    config = load_config(tmp_path / "hub.yaml", {}, with_secrets=False)
    crons = {one.job_name: one.cron_schedule for one in definitions(config).schedules or ()}
    assert crons["sync_woo_de"] == "7 * * * *"
    assert crons["prune_history"] == "1 2 * * *"
    assert crons["sync_tryton_lyon"] == "*/5 * * * *"


def test_two_processes_parse_the_dbt_project_at_once(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from pipelines.dbt_project import prepared_project as p;"
    code += "print(p(Path(sys.argv[1])).manifest_path)"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = {process.communicate()[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    (manifest,) = said
    assert Path(manifest).is_file()
    assert [path.name for path in tmp_path.iterdir()] == [Path(manifest).parent.name], "nothing is left over"


def test_a_fresh_manifest_is_not_parsed_again(tmp_path: Path) -> None:
    first = prepared_project(tmp_path).manifest_path
    made = first.stat().st_mtime_ns
    assert prepared_project(tmp_path).manifest_path == first
    assert first.stat().st_mtime_ns == made


def test_the_executor_is_the_environments_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert executor() is dg.in_process_executor
    monkeypatch.setenv("ORDERHUB_EXECUTOR", "multiprocess")
    assert executor() is dg.multiprocess_executor
    monkeypatch.setenv("ORDERHUB_EXECUTOR", "swarm")
    with pytest.raises(ValueError, match="in_process, multiprocess"):
        executor()
