"""The hub is killed wherever it changes state; what comes back leaves the books of a run never killed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.conftest import RecordFault
from tests.faults.crash.merchants import STAGES
from tests.faults.crash.reporting import report
from tests.faults.crash.sampling import POINTS, spread
from tests.faults.crash.trials import Theatre

SAMPLE = {"sqlite": 16, "postgresql": 8}


def test_s44_killed_at_any_point_nothing_is_lost_and_nothing_doubled(
    theatres: dict[str, Theatre],
    pool: ThreadPoolExecutor,
    everything: bool,
    record_fault: RecordFault,
    request: pytest.FixtureRequest,
) -> None:
    """S48 too: the vendors' own ledgers have each shipment and each confirmation once."""
    database = request.node.callspec.params["theatres"]
    points = [
        ((theatre, stage), point)
        for theatre in theatres.values()
        for stage in STAGES
        for point in theatre.points[stage.name]
    ]
    assert len(points) > 1000
    count = int(POINTS) if POINTS else SAMPLE[database]
    chosen = points if everything else spread(points, count)
    outcomes = list(pool.map(lambda one: one[0][0].trial(one[0][1], one[1]), chosen))
    report(f"on {database}", len(points), outcomes, record_fault)
