"""The failure sensor: one line a failed step, with its remedy, and never with what it must not tell."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import responses

from connectors.errors import CredentialsRejected
from pipelines.assets.reporting import stopping
from pipelines.sensors import WILL_RETRY, failures, troubles
from tests.pipelines.dagster_hub import QUIET

HOOK = "https://alerts.example/hook"


@dg.asset
def rejected(context: dg.AssetExecutionContext) -> None:
    with stopping(context):
        raise CredentialsRejected("woo-de: answered 401: check consumer_key")


@dg.asset
def broken() -> None:
    raise ValueError("Jane Doe, 1 High Street")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path), QUIET) as found:
        yield found


def failed(
    asset: dg.AssetsDefinition, instance: dg.DagsterInstance, tags: dict[str, str] | None = None
) -> dg.RunFailureSensorContext:
    """What the sensor is handed when a run of `asset` has failed."""
    job = dg.Definitions(
        assets=[asset], jobs=[dg.define_asset_job("nightly", selection=[asset])]
    ).resolve_job_def("nightly")
    result = job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    return dg.build_run_status_sensor_context(
        sensor_name="failures",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()


def test_a_line_names_job_asset_error_and_remedy(instance: dg.DagsterInstance) -> None:
    (trouble,) = troubles(failed(rejected, instance))
    assert trouble.line() == (
        "nightly: rejected failed: CredentialsRejected: woo-de: answered 401: check consumer_key"
        " -> Put working credentials where hub.yaml says; then launch the job again."
    )


def test_of_an_unexpected_error_only_the_class_is_told(instance: dg.DagsterInstance) -> None:
    (trouble,) = troubles(failed(broken, instance))
    assert trouble.error == "ValueError"
    assert "Jane" not in trouble.line()


@responses.activate
def test_the_webhook_is_told(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERHUB_ALERT_URL", HOOK)
    responses.post(HOOK, status=204)
    context = failed(rejected, instance)
    failures(context)
    (call,) = responses.calls
    told = json.loads(call.request.body or "{}")
    assert (told["job"], told["step"], told["error"]) == ("nightly", "rejected", "CredentialsRejected")
    assert told["run_id"] == context.dagster_run.run_id


@responses.activate
def test_a_webhook_that_is_down_stops_nothing(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERHUB_ALERT_URL", HOOK)
    responses.post(HOOK, status=503)
    failures(failed(rejected, instance))
    assert len(responses.calls) == 1


@responses.activate
def test_a_run_that_is_tried_again_is_no_news(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERHUB_ALERT_URL", HOOK)
    failures(failed(rejected, instance, {WILL_RETRY: "true"}))
    assert not responses.calls
