"""The hub in a process of its own: what is killed, and what comes back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from order_store import engine
from pipelines import sandbox_clock
from pipelines.hub import open_hub
from pipelines.sandbox_clock import SandboxClock
from tests.faults.crash.erasure_guards import ERASURE_GUARDS
from tests.faults.crash.guards import GUARDS
from tests.faults.crash.points import Point, install
from tests.faults.crash.tasks import Task, cycle
from tests.faults.crash.vendor_guards import HIDING, VENDOR_GUARDS

TAKE_AWAY: Mapping[str, Callable[[], None]] = HIDING | {
    name: guard.take_away
    for name, guard in [*GUARDS.items(), *VENDOR_GUARDS.items(), *ERASURE_GUARDS.items()]
}


@dataclass(frozen=True)
class Orders:
    """What a process is to do.

    Attributes:
        home: Holds everything that the hub writes.
        task: What a round is.
        watched: Whether to look for points.
        victim: Where to die.
        without: The guard that is taken away.
        impatient: Whether to wait only a moment for a database that is locked.
        ahead: Hours by which the machine's clock is ahead of the vendors'.
    """

    environ: Mapping[str, str]
    home: Path
    task: Task = cycle
    watched: bool = False
    victim: Point | None = None
    without: str | None = None
    impatient: bool = False
    ahead: float = 0


class _Shifted(SandboxClock):
    """A machine's clock that is set wrong."""

    def __init__(self, url: str, ahead: timedelta) -> None:
        super().__init__(url)
        self._ahead = ahead

    def now(self) -> datetime:
        return super().now() + self._ahead


def work(orders: Orders, line: Connection) -> None:
    """Do a round whenever asked for one by the seconds to sleep before it; None ends it.

    It says when the hub is open. Each round is answered with the failures of its steps; the end, with the
    points that were passed.
    """
    sandbox_clock.FRESH = 1e9  # nobody else moves the clock, so it is asked for only after a sleep
    watch = install(orders.home, orders.victim) if orders.watched else None
    if orders.without:
        TAKE_AWAY[orders.without]()
    if orders.impatient:
        engine.BUSY_TIMEOUT_MS = 100
    clock = _Shifted(orders.environ["ORDERHUB_SANDBOX"], timedelta(hours=orders.ahead))
    with open_hub(orders.environ["ORDERHUB_CONFIG"], orders.environ, clock) as hub:
        line.send("open")
        while (pause := line.recv()) is not None:
            if pause:
                hub.clock.sleep(pause)
            line.send(orders.task(hub))
    line.send(watch.passed if watch else [])
