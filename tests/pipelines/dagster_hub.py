"""A merchant's world, a hub's environment and Dagster's view of it, for the tests of Dagster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import func, select

from order_store.schema.orders import orders
from order_store.schema.reading import connections
from pipelines.config import load_config
from pipelines.definitions_of import build, definitions
from pipelines.hub import Hub, open_hub
from pipelines.sandbox_secrets import SANDBOX_CONFIG, hub_environ
from sandbox.catalogue_csv import write_catalogue
from sandbox.merchant import build_world
from sandbox.server import Sandbox
from sandbox.simulation import Simulation
from sandbox.world import START

QUIET = {"telemetry": {"enabled": False}}
CHANNELS = ("shopify-eu", "amazon-uk", "woo-de", "vendure-us")


def sandbox_definitions() -> dg.Definitions:
    """What Dagster sees of hub.sandbox.yaml, without any environment."""
    return definitions(load_config(SANDBOX_CONFIG, {}, with_secrets=False))


@dataclass
class Works:
    """A running sandbox, and Dagster over a hub that nothing has been done with yet."""

    sandbox: Sandbox
    home: Path
    defs: dg.Definitions
    instance: dg.DagsterInstance

    def run(self, job: str, partition: str | None = None) -> dg.ExecuteInProcessResult:
        """Run a job to its end, however it ends."""
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, partition_key=partition, raise_on_error=False
        )

    @contextmanager
    def hub(self) -> Iterator[Hub]:
        with open_hub() as hub:
            yield hub

    def orders(self) -> dict[str, int]:
        """How many orders the store has of each channel."""
        with self.hub() as hub, hub.store.read() as tx:
            found = tx.execute(
                select(connections.c.name, func.count().label("found"))
                .join(orders, orders.c.connection_id == connections.c.id)
                .group_by(connections.c.name)
            )
            return {row.name: row.found for row in found}


@contextmanager
def opened_works(home: Path, patch: pytest.MonkeyPatch, start: datetime = START) -> Iterator[Works]:
    """Works with half a day of orders at the channels."""
    world = build_world(3, start=start, plenty=True)
    (home / "dagster").mkdir()
    simulation = Simulation(world, orders_per_day=80, fickle=False)
    with (
        Sandbox(world=world, simulation=simulation) as sandbox,
        dg.DagsterInstance.local_temp(str(home / "dagster"), QUIET) as instance,
    ):
        simulation.advance(timedelta(hours=12))
        write_catalogue(world, home / "catalogue")
        for name, value in hub_environ(sandbox.url, home).items():
            patch.setenv(name, value)
        patch.setenv("ORDERHUB_RETRY_SECONDS", "0")
        yield Works(sandbox, home, build(), instance)


def steps(result: dg.ExecuteInProcessResult, kind: str) -> set[str]:
    """Steps of a run that ended so: SUCCESS, FAILURE, SKIPPED."""
    return {
        event.step_key
        for event in result.all_events
        if event.event_type_value == f"STEP_{kind}" and event.step_key
    }
