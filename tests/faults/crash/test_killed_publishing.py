"""The hub is killed while it publishes, and in every stage: analysts read one whole and right version."""

from concurrent.futures import ThreadPoolExecutor
from random import Random

from tests.faults.conftest import RecordFault
from tests.faults.crash.books import difference
from tests.faults.crash.conftest import OpenTheatre
from tests.faults.crash.merchants import PUBLISHED, STAGES, WEST
from tests.faults.crash.points import Point
from tests.faults.crash.reporting import report
from tests.faults.crash.sampling import spread

PUBLISHING_SAMPLE = 1
TOURS = 5


def test_s45_killed_while_publishing_readers_always_find_one_whole_version(
    open_theatre: OpenTheatre, pool: ThreadPoolExecutor, everything: bool, record_fault: RecordFault
) -> None:
    theatre = open_theatre(WEST, "sqlite")
    theatre.rehearse_publishing()
    points = [(PUBLISHED, point) for point in theatre.points[PUBLISHED.name]]
    kinds = {point.kind for _, point in points}
    assert {"before rename", "after rename", "before start of a process", "before commit"} <= kinds
    chosen = points if everything else spread(points, PUBLISHING_SAMPLE)
    outcomes = list(pool.map(lambda one: theatre.publishing_trial(one[1]), chosen))
    report("while publishing", len(points), outcomes, record_fault)


def test_killed_once_in_every_stage_the_kpi_tables_say_the_same(
    open_theatre: OpenTheatre, everything: bool, record_fault: RecordFault
) -> None:
    theatre = open_theatre(WEST, "sqlite")
    expected, _ = theatre.tour({})
    assert {row[0] for row in expected} >= {"fct_orders", "fct_shipments", "kpi_orders", "kpi_fill_rate"}
    for seed in range(TOURS if everything else 1):
        random = Random(seed)
        victims: dict[str, Point | None] = {
            stage.name: random.choice(theatre.points[stage.name]) for stage in STAGES
        }
        found, kills = theatre.tour(victims)
        differs = difference(expected, found)
        record_fault("killed in every stage", not differs, times=kills)
        assert not differs, f"{victims}\n{differs}"
        assert kills >= len(STAGES) - 1
