"""Several machines: Celery on Redis, PostgreSQL for both stores, landing in S3; a worker is killed.

Dagster's celery executor fails the whole run when a worker's process dies. Run retries begin it again, and
the store's own idempotency sees to it that nothing is done twice.
"""

import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import select

from benchmarks.fleet import Stage, stage
from order_store.schema.fulfilment import outbox
from pipelines.comparison import compare_with_truth
from pipelines.hub import open_hub
from pipelines.services.cycle import run_cycle
from sandbox.registry import CHANNELS
from tests.faults.conftest import RecordFault
from tests.faults.distributed.services import (
    ROOT,
    Process,
    has_redis,
    python,
    running_redis,
)
from tests.object_store import BUCKET, running_s3
from tests.postgres import empty_database, running_postgres

pytestmark = pytest.mark.skipif(not has_redis(), reason="needs redis-server: apt-get install redis-server")
BIN = Path(sys.executable).parent
ORDERS = 24
QUIET = "\nschedules:\n" + "".join(
    f'  {name}: "0 0 29 2 *"\n'
    for name in ("channels", "wms", "carriers", "routing", "dispatch", "publish", "prune")
)
"""No schedule comes due: only what the test asks for is run."""
ENDED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


@dataclass
class Site:
    """A hub on several machines, all of which are this one."""

    set_up: Stage
    environ: dict[str, str]
    instance: dg.DagsterInstance
    workers: list[Process]
    daemon: Process
    folder: Path

    def launch(self, job: str) -> None:
        """Ask for a run, as a schedule does."""
        command = python("dagster", "job", "launch", "-m", "definitions", "-j", job)
        asked = Process(f"launch-{job}-{time.monotonic_ns()}", command, self.environ, self.folder)
        assert asked.popen.wait(120) == 0, asked.log.read_text()[-3000:]

    def wait(self, what: str, done: Callable[[], bool], seconds: float = 420) -> None:
        until = time.monotonic() + seconds
        while not done():
            assert self.daemon.popen.poll() is None, self.daemon.log.read_text()[-3000:]
            assert time.monotonic() < until, f"no {what} after {seconds:.0f} s: {self.runs()}"
            time.sleep(0.2)

    def runs(self) -> list[tuple[str, str, str | None]]:
        """Job, status and the number of the try of each run, oldest first."""
        found = self.instance.get_runs()
        return [
            (run.job_name, run.status.value, run.tags.get("dagster/retry_number")) for run in reversed(found)
        ]

    def applied(self) -> int:
        """Messages that a vendor has done."""
        return self.set_up.count("SELECT count(*) FROM outbox WHERE state = 'applied'")

    def sender(self) -> int:
        """The process that is sending now: whoever holds a message says who it is."""
        with self.set_up.store.read() as tx:
            owners = tx.scalars(select(outbox.c.lease_owner).where(outbox.c.state == "claimed")).all()
        return min(int(owner.split(":")[1]) for owner in owners)

    def run_to_the_end(self, job: str) -> None:
        """A run that is to succeed at once."""
        before = len(self.runs())
        self.launch(job)
        self.wait(f"end of {job}", lambda: self._ended(before + 1))
        assert self.runs()[-1][1] == "SUCCESS", self.runs()

    def _ended(self, count: int) -> bool:
        found = self.instance.get_runs()
        return len(found) >= count and all(run.status in ENDED for run in found)


@pytest.fixture
def site(everything: bool, tmp_path: Path) -> Iterator[Site]:
    if not everything:
        pytest.skip("takes some minutes: make test-faults ALL=1")
    with ExitStack() as stack:
        server = stack.enter_context(running_postgres())
        store_url = stack.enter_context(empty_database(server))
        dagster_url = stack.enter_context(empty_database(server))
        broker = stack.enter_context(running_redis(tmp_path / "redis"))
        _, s3 = stack.enter_context(running_s3())
        home = tmp_path / "dagster"
        home.mkdir()
        shutil.copy(ROOT / "deploy" / "celery" / "dagster.yaml", home / "dagster.yaml")
        set_up = stack.enter_context(stage(tmp_path / "hub", store_url, 4, "--plenty", "--steady"))
        with Path(set_up.environ["ORDERHUB_CONFIG"]).open("a") as config:
            config.write(QUIET)
        environ = {
            **os.environ,
            **set_up.environ,
            **s3,
            "ORDERHUB_LANDING": f"s3://{BUCKET}/landing",
            "ORDERHUB_EXECUTOR": "celery",
            "ORDERHUB_CELERY_BROKER": f"{broker}/0",
            "ORDERHUB_CELERY_BACKEND": f"{broker}/1",
            "ORDERHUB_RETRY_SECONDS": "1",
            "DAGSTER_HOME": str(home),
            "DAGSTER_PG_URL": dagster_url.replace("+psycopg:", "+psycopg2:"),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }
        with pytest.MonkeyPatch.context() as patch:
            for name in environ:
                patch.setenv(name, environ[name])
            instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
            workers = []
            for number in (1, 2):
                config = str(ROOT / "deploy" / "celery" / "celery.yaml")
                command = [
                    str(BIN / "dagster-celery"),
                    "worker",
                    "start",
                    "-A",
                    "dagster_celery.app",
                    "-y",
                    config,
                    "-n",
                    f"w{number}",
                ]
                worker = Process(f"worker-{number}", [*command, "--", "--concurrency=1"], environ, tmp_path)
                stack.callback(worker.end)
                workers.append(worker)
            daemon = Process(
                "daemon", python("dagster._daemon", "run", "-m", "definitions"), environ, tmp_path
            )
            stack.callback(daemon.end)
            for worker in workers:
                worker.wait_for("ready.", 120)
            yield Site(set_up, environ, instance, workers, daemon, tmp_path)


def test_a_worker_that_is_killed_in_mid_run_costs_nothing_and_doubles_nothing(
    site: Site, record_fault: RecordFault
) -> None:
    set_up = site.set_up
    set_up.place(ORDERS)
    for channel in CHANNELS:
        (placed,) = set_up.world.post("orders", {"channel": channel, "payment": "captured"})["orders"]
        order = {"channel": channel, "external_id": placed["external_id"]}
        set_up.world.post("orders/change", order | {"change": "cancel"})
    set_up.world.advance(timedelta(minutes=10))
    with open_hub(site.environ["ORDERHUB_CONFIG"], site.environ) as hub:
        for only in (*CHANNELS, "tryton-lyon", "shipbob-us"):
            run_cycle(hub, only)

    set_up.world.post("weather", {"latency_seconds": 0.15})  # so that sending takes a while
    site.launch("fulfil")
    site.wait("picklist that was sent", lambda: site.applied() >= 2)
    sender = site.sender()
    assert any(sender in worker.children() for worker in site.workers)
    os.kill(sender, signal.SIGKILL)
    assert site.applied() < set_up.count("SELECT count(*) FROM outbox"), "it died with work left"
    site.wait("retry of the run", lambda: ("fulfil", "SUCCESS", "1") in site.runs())
    assert site.runs()[0][:2] == ("fulfil", "FAILURE")

    set_up.world.post("weather", {})
    set_up.world.advance(timedelta(minutes=30))  # the dead worker's claims run out
    site.run_to_the_end("fulfil")
    assert set_up.is_drained(ORDERS)
    with open_hub(site.environ["ORDERHUB_CONFIG"], site.environ) as hub:
        assert hub.landing.paths(), "landing lies in the object store"
        for _ in range(20):
            set_up.world.advance(timedelta(hours=12))
            run_cycle(hub)
            comparison = compare_with_truth(set_up.store, set_up.world.get("ledger"))
            if not comparison.divergences:
                break
    taken = Counter(one["reference"] for one in set_up.world.get("shipments"))
    record_fault(
        "a Celery worker killed in mid-run",
        survived=not comparison.divergences,
        doubles=sum(count - 1 for count in taken.values()),
    )
    assert not comparison.divergences, "\n".join(map(str, comparison.divergences[:20]))
    assert set(taken.values()) == {1}
