"""What a hub's process is asked to do in a round: the calls that schedules, jobs and commands make.

Each answers with the failures of its steps.
"""

from collections.abc import Callable
from uuid import uuid4

from sqlalchemy import text

from pipelines.hub import Hub
from pipelines.problems import ProblemError
from pipelines.services.cycle import run_cycle
from pipelines.services.erase import REQUEST, erase_due, erase_orders, refuse_open
from pipelines.services.kpis import build_kpis
from pipelines.services.privacy import find_person
from pipelines.services.unclaimed import erase_quarantined

Task = Callable[[Hub], dict[str, str]]
UNCLAIMED = "unclaimed"


def cycle(hub: Hub) -> dict[str, str]:
    """What the schedules do in turn."""
    return run_cycle(hub).failures


def publish(hub: Hub) -> dict[str, str]:
    """The KPI tables are built."""
    build_kpis(hub, f"crash-{uuid4().hex[:12]}")
    return {}


def leave_unclaimed(channel: str, hub: Hub) -> dict[str, str]:
    """A record is landed that no order will claim, and every record so far is old."""
    hub.landing.land(channel, "orders", hub.clock.now(), [(UNCLAIMED, b"{}")])
    with hub.keys.connect().begin() as tx:
        tx.execute(text("UPDATE data_keys SET created_at = 0 WHERE connection <> ''"))
    return cycle(hub)


def erase(email: str, hub: Hub) -> dict[str, str]:
    """As `orderhub erase EMAIL`, then as `orderhub erase --due`."""
    try:
        with hub.store.read() as tx:
            found, records = find_person(tx, email)
            refuse_open(tx, found)
    except ProblemError as error:
        if "nobody is found" not in str(error):  # that is said of whoever is erased
            raise
    else:
        erase_orders(hub, found, REQUEST)
        erase_quarantined(hub, records, REQUEST)
    erase_due(hub)
    return {}


def cycle_and_erase_due(hub: Hub) -> dict[str, str]:
    """The schedules, and the daily job's erasing."""
    failures = cycle(hub)
    erase_due(hub)
    return failures
