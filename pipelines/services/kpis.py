"""Snapshot, build and publish the KPI file."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from analytics.build import build
from analytics.extract import extract
from analytics.publish import publish, stamp
from normalization.money import exponent
from order_store.leases import acquire_lease, new_owner, release_lease
from pipelines.hub import Hub
from pipelines.problems import ProblemError
from pipelines.services.backup import snapshot
from pipelines.services.conservation import Violation, all_violations

FILE = "orderhub.duckdb"
LEASE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was read of the store, at one moment.

    Attributes:
        rows: By table.
        broken: What did not add up at that moment: if there is any, it is not to be published.
    """

    rows: dict[str, int]
    broken: list[Violation]


@dataclass(frozen=True, slots=True)
class Published:
    """What came of publishing.

    Attributes:
        published: False if a newer file was there already.
    """

    file: Path
    published: bool
    taken_at: datetime


def kpi_file(hub: Hub) -> Path:
    """The file that analysts open."""
    return hub.state.parent / "kpi" / FILE


def run_folder(hub: Hub, run: str) -> Path:
    """Where one build keeps its files until it is published."""
    return hub.state.parent / "kpi" / "builds" / run


def take_snapshot(hub: Hub, run: str) -> Snapshot:
    """Read the store's views into Parquet files, and see at the same moment whether everything adds up."""
    folder = run_folder(hub, run)
    folder.mkdir(parents=True, exist_ok=True)
    taken = hub.clock.now()
    warehouses = [
        {
            "warehouse": one.code,
            "name": one.name or one.code,
            "country_code": one.address.country_code if one.address else None,
            "time_zone": one.time_zone,
        }
        for one in hub.config.warehouses
    ]
    with snapshot(hub.store) as tx:
        broken = all_violations(tx)
        rows = extract(tx, folder / "snapshot", warehouses, exponent)
    (folder / "taken_at").write_text(taken.isoformat())
    return Snapshot(rows, broken)


def publish_kpis(hub: Hub, run: str) -> Published:
    """Put a finished build in place, if its snapshot is newer than the published one.

    Raises:
        ProblemError: If another process is publishing at this moment.
    """
    folder = run_folder(hub, run)
    taken = datetime.fromisoformat((folder / "taken_at").read_text())
    stamp(folder / "kpi.duckdb", taken)
    now = hub.clock.now()
    with hub.store.begin() as tx:
        lease = acquire_lease(tx, "publish:kpi", new_owner(), now, LEASE)
    if lease is None:
        raise ProblemError("another process publishes KPIs at this moment; run it again")
    try:
        done = publish(folder / "kpi.duckdb", kpi_file(hub))
    finally:
        with hub.store.begin() as tx:
            release_lease(tx, lease)
    shutil.rmtree(folder)
    return Published(kpi_file(hub), done, taken)


def build_kpis(hub: Hub, run: str) -> Published:
    """All three steps at once, outside of Dagster.

    Raises:
        analytics.build.BuildFailedError: If a model or a test fails; nothing is published then.
        ProblemError: If units, stock or money do not add up; nothing is published then.
    """
    folder = run_folder(hub, run)
    broken = take_snapshot(hub, run).broken
    if broken:
        shutil.rmtree(folder)
        raise ProblemError(
            f"nothing is published: {len(broken)} records do not add up, such as {broken[0].rule}:"
            f" {broken[0].record}; `orderhub doctor` explains them all"
        )
    zone = hub.config.merchant.time_zone
    build(folder / "snapshot", folder / "kpi.duckdb", zone, folder / "target")
    return publish_kpis(hub, run)
