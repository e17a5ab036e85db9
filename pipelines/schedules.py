"""When what runs: hub.yaml's `schedules`, in the merchant's time zone."""

from collections.abc import Iterator

import dagster as dg
from dagster import DagsterRunStatus

from pipelines.config import HubConfig
from pipelines.jobs import FULFIL, KPIS, SEND, sync_job_name
from pipelines.prune import PRUNE

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def schedules(config: HubConfig) -> list[dg.ScheduleDefinition]:
    """One schedule a job; `main` and the back-fills are for people."""
    return [_schedule(job, cron, config.merchant.time_zone) for job, cron in _plan(config)]


def _plan(config: HubConfig) -> Iterator[tuple[str, str]]:
    lines = config.schedules
    for kind, cron in (("channel", lines.channels), ("wms", lines.wms), ("carrier", lines.carriers)):
        for connection in config.enabled(kind):
            yield sync_job_name(connection.name), cron
    yield FULFIL, lines.routing
    yield SEND, lines.dispatch
    yield KPIS, lines.publish
    yield PRUNE, lines.prune


def _schedule(job: str, cron: str, time_zone: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{job}_schedule",
        job_name=job,
        cron_schedule=cron,
        execution_timezone=time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Starts {job}, unless it is still at work or waits already.",
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        """Ask for a run, without a run key: a key that was used once would silently drop a later run.

        What there is to do stands in the store, so a run too many does no harm and a lost one is made up
        for by the next.
        """
        wanted = dg.RunsFilter(job_name=job, statuses=UNFINISHED)
        if context.instance.get_runs(wanted, limit=1):
            return dg.SkipReason(f"{job} is still at work")
        return dg.RunRequest()

    return scheduled
