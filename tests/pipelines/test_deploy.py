"""What lies in deploy/ is what Kubernetes, Dagster and Celery accept, and it fits together."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import kubernetes_validate
import pytest
import yaml
from dagster._config import process_config
from dagster_celery.executor import CELERY_CONFIG
from dagster_k8s import K8sRunLauncher

from pipelines.executor import BACKEND, BROKER, executor

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
Manifest = Mapping[str, Any]


def manifests() -> list[Manifest]:
    return [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text())]


def of_kind(kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests() if one["kind"] == kind}


def pods() -> Iterator[tuple[str, Manifest]]:
    for name, one in of_kind("Deployment").items():
        yield name, one["spec"]["template"]["spec"]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_what_kubernetes_declares(path: Path) -> None:
    found = list(yaml.safe_load_all(path.read_text()))
    assert found
    for one in found:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "orderhub"


def test_a_wrong_manifest_is_found_out() -> None:
    wrong = dict(of_kind("Deployment")["orderhub-daemon"], spec={"replicas": "one"})
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_pods_run_without_rights_with_limits_and_are_watched() -> None:
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"], name
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert container["resources"]["limits"]["memory"]
        assert container["livenessProbe"], name
        assert pod["automountServiceAccountToken"] is (name != "orderhub-code")


def test_there_is_one_daemon_and_it_is_gone_before_the_next_begins() -> None:
    spec = of_kind("Deployment")["orderhub-daemon"]["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


def test_everything_that_is_referred_to_is_there() -> None:
    secrets, maps = set(of_kind("Secret")), {*of_kind("ConfigMap"), "orderhub-hub"}
    accounts = set(of_kind("ServiceAccount"))
    for _, pod in pods():
        assert pod["serviceAccountName"] in accounts
        for source in pod["containers"][0]["envFrom"]:
            assert source.get("secretRef", {"name": "orderhub-keys"})["name"] in secrets
            assert source.get("configMapRef", {"name": "orderhub-hub"})["name"] in maps
        mounted = {one["name"] for one in pod["containers"][0]["volumeMounts"]}
        assert mounted == {one["name"] for one in pod["volumes"]}
        for volume in pod["volumes"]:
            assert volume.get("configMap", {"name": "orderhub-hub"})["name"] in maps
    launcher = instance_settings()["run_launcher"]["config"]
    assert set(launcher["env_secrets"]) == secrets
    assert set(launcher["env_config_maps"]) < maps
    assert launcher["service_account_name"] in accounts
    images = {pod["containers"][0]["image"] for _, pod in pods()} | {launcher["job_image"]}
    assert len(images) == 1
    workspace = yaml.safe_load(of_kind("ConfigMap")["orderhub-instance"]["data"]["workspace.yaml"])
    served = workspace["load_from"][0]["grpc_server"]
    assert of_kind("Service")[served["host"]]["spec"]["ports"][0]["port"] == served["port"]


def instance_settings() -> dict[str, Any]:
    text: str = of_kind("ConfigMap")["orderhub-instance"]["data"]["dagster.yaml"]
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_the_run_launcher_of_the_cluster_is_configured_as_dagster_wants_it() -> None:
    done = process_config(K8sRunLauncher.config_type(), instance_settings()["run_launcher"]["config"])
    assert done.success, done.errors


@pytest.mark.parametrize("where", ["kubernetes", "celery"])
def test_dagster_takes_the_settings_of_the_instance(where: str, tmp_path: Path) -> None:
    settings = (
        instance_settings()
        if where == "kubernetes"
        else yaml.safe_load((DEPLOY / "celery" / "dagster.yaml").read_text())
    )
    assert settings["storage"]["postgres"]["postgres_url"] == {"env": "DAGSTER_PG_URL"}
    del settings["storage"]  # no server here; the test of Celery runs on it
    settings.pop("run_launcher", None)  # checked by its own schema: it would ask for a cluster
    with dg.DagsterInstance.local_temp(str(tmp_path), settings) as instance:
        assert instance.run_retries_enabled
        assert instance.get_settings("run_retries")["max_retries"] == 3
        assert not instance.get_settings("run_retries")["retry_on_asset_or_op_failure"]
        assert instance.run_monitoring_enabled


def test_a_setting_that_dagster_does_not_know_is_refused(tmp_path: Path) -> None:
    wrong = {"run_retries": {"enabled": True, "max_tries": 3}}
    with pytest.raises(dg.DagsterInvalidConfigError), dg.DagsterInstance.local_temp(str(tmp_path), wrong):
        pass


def test_workers_and_runs_read_the_same_settings_of_celery(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (BROKER, BACKEND):
        monkeypatch.setenv(name, "redis://127.0.0.1:6379/0")
    settings = yaml.safe_load((DEPLOY / "celery" / "celery.yaml").read_text())["execution"]["config"]
    done = process_config(CELERY_CONFIG, settings)
    assert done.success, done.errors
    assert (settings["broker"], settings["backend"]) == ({"env": BROKER}, {"env": BACKEND})


def test_the_celery_executor_is_chosen_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERHUB_EXECUTOR", "celery")
    assert executor().name == "celery"
    monkeypatch.setenv("ORDERHUB_EXECUTOR", "celery-k8s")
    with pytest.raises(ValueError, match="write one of in_process, multiprocess, celery"):
        executor()


def test_the_image_is_built_from_the_lock_and_runs_as_nobody() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert any("--require-hashes" in line for line in lines)
    assert lines[-1] == "USER 10001:10001"
