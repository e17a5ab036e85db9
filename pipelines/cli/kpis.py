"""`orderhub kpis`: the KPI file, now."""

from uuid import uuid4

from analytics.build import BuildFailedError
from pipelines.cli.output import ConfigOption, JsonOption, err, out, print_json
from pipelines.hub import open_hub
from pipelines.problems import ProblemError
from pipelines.services.kpis import build_kpis


def kpis(
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Snapshot the store, build and test the KPI tables, and publish the file that analysts open.

    If a test fails, nothing is published and the old file stays.
    """
    with open_hub(config) as hub, err.status("building the KPI tables"):
        try:
            done = build_kpis(hub, f"cli-{uuid4().hex[:12]}")
        except BuildFailedError as error:
            raise ProblemError(f"nothing is published: {error}") from error
    if as_json:
        print_json({"file": str(done.file), "published": done.published, "taken_at": done.taken_at})
    else:
        newer = "" if done.published else " (a newer one was there already)"
        out.print(f"KPI tables: {done.file}{newer}", highlight=False, soft_wrap=True)
