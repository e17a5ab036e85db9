"""Tells of failures: one line each, and a webhook if there is one."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import dagster as dg
import requests
from dagster_shared.error import SerializableErrorInfo

ALERT_URL = "ORDERHUB_ALERT_URL"
WILL_RETRY = "dagster/will_retry"

REMEDIES = {
    "CredentialsRejected": "Put working credentials where hub.yaml says; then launch the job again.",
    "PermissionMissing": "Grant the right that the message names; then launch the job again.",
    "RateLimited": "Nothing to do: the next run waits as long as the vendor asks.",
    "Transient": "Nothing to do unless it lasts: the next run resumes. See the vendor's status page.",
    "AnswerLost": "Nothing to do: what is in doubt is looked up before it is sent again.",
    "StreamBroken": "The vendor's answers make no sense. Look at the newest files in landing.",
    "ProblemError": "Do what the message says; then launch the job again.",
}
OTHERWISE = "Open the run in the Dagster UI; its log says more."


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failure, without personal data: of errors that are not ours only the class is told.

    Attributes:
        step: The asset or check that failed; empty if the run never got so far.
    """

    job: str
    run_id: str
    step: str
    error: str
    message: str
    remedy: str

    def line(self) -> str:
        """For logs."""
        where = f"{self.job}: {self.step or 'the run'}"
        return f"{where} failed: {self.error}{': ' if self.message else ''}{self.message} -> {self.remedy}"


def troubles(context: dg.RunFailureSensorContext) -> Iterator[Trouble]:
    """What went wrong in a run, step by step."""
    run = context.dagster_run
    failures = context.get_step_failure_events()
    for event in failures:
        told = _told(event.step_failure_data.error)
        yield Trouble(run.job_name, run.run_id, event.step_key or "", *told)
    if not failures:
        told = _told(context.failure_event.job_failure_data.error)
        yield Trouble(run.job_name, run.run_id, "", *told)


def _told(error: SerializableErrorInfo | None) -> tuple[str, str, str]:
    """Class, message and remedy; the message only of errors that are known to hold no personal data."""
    cause = error
    while cause is not None:
        name = cause.cls_name or ""
        if name in REMEDIES:
            return name, cause.message.strip().partition(": ")[2].splitlines()[0], REMEDIES[name]
        if name == "Failure":
            deeper = cause.cause
            if deeper is None or deeper.cls_name not in REMEDIES:
                return name, " ".join(cause.message.partition(": ")[2].split()), OTHERWISE
        error, cause = cause, cause.cause
    return (error.cls_name if error and error.cls_name else "RunFailed"), "", OTHERWISE


@dg.run_failure_sensor(
    name="failures",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description=f"One log line a failed step; posted to {ALERT_URL} too, if it is set.",
)
def failures(context: dg.RunFailureSensorContext) -> None:
    """Tell of a run that has failed for good."""
    if context.dagster_run.tags.get(WILL_RETRY) == "true":
        return
    for trouble in troubles(context):
        context.log.error(trouble.line())
        post(asdict(trouble), context)


def post(body: dict[str, Any], context: dg.RunFailureSensorContext) -> None:
    """Tell the webhook, if there is one. That it cannot be reached is logged and stops nothing."""
    url = os.environ.get(ALERT_URL)
    if not url:
        return
    try:
        requests.post(url, json=body, timeout=10).raise_for_status()
    except requests.RequestException as error:
        context.log.warning("%s could not be told: %s", ALERT_URL, type(error).__name__)
