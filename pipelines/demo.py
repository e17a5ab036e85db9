"""Some days of a merchant's life, played against the sandbox, and the hub compared with the truth."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from order_store.engine import open_store
from pipelines.comparison import Comparison, compare_with_truth
from pipelines.hub import Hub, open_hub
from pipelines.problems import ProblemError
from pipelines.sandbox_secrets import hub_environ
from pipelines.services.cycle import run_cycle
from pipelines.services.kpis import Published, build_kpis
from sandbox.process import SandboxProcess

TRADING = timedelta(days=2)
"""So long do buyers order."""
ORDERING, PAUSE = timedelta(hours=5), timedelta(hours=1)
"""Between two rounds of the hub buyers order for some hours, then change their minds for one: a buyer who
cancels while the parcel leaves is a race that no hub can win, and would blur the comparison."""
LATER_STEP = timedelta(hours=12)
"""How far the world goes on between two rounds once nobody orders any more."""
DRAIN = timedelta(days=9)
"""So long may the last parcels take; the play ends as soon as nothing moves any more."""
ORDERS_PER_DAY = 60


@dataclass(frozen=True)
class DemoResult:
    """How the play ended.

    Attributes:
        comparison: The hub beside the truth, order line by order line.
        failures: Steps that went wrong, by the hour of the play.
    """

    comparison: Comparison
    failures: list[str]
    rounds: int
    kpi: Published

    def as_json(self) -> dict[str, Any]:
        """What .orderhub/demo.json holds."""
        return {
            "agrees": not self.comparison.divergences,
            "orders": self.comparison.orders,
            "truth": self.comparison.truth,
            "hub": self.comparison.hub,
            "divergences": [str(one) for one in self.comparison.divergences],
            "failures": self.failures,
            "rounds": self.rounds,
            "kpi_file": str(self.kpi.file),
        }


Tell = Callable[[str], None]


@contextmanager
def stage(home: Path, seed: int) -> Iterator[tuple[SandboxProcess, Hub]]:
    """A sandbox in a process of its own and a new hub over it; everything lies in `home`."""
    arguments = ("--orders-per-day", str(ORDERS_PER_DAY), "--catalogue", str(home / "catalogue"))
    with SandboxProcess(seed, *arguments) as world:
        environ = hub_environ(world.url, home)
        with open_hub(environ["ORDERHUB_CONFIG"], environ) as hub:
            yield world, hub


def play(world: SandboxProcess, hub: Hub, tell: Tell = lambda _: None) -> DemoResult:
    """Let the world go on step by step, with a round of the hub after each, until nothing moves any more."""
    failures: list[str] = []
    begin = world.now()
    rounds, quiet = 0, 0
    _cancel_one_order_each(world, hub)
    while world.now() - begin < TRADING + DRAIN and quiet < 2:
        if world.now() - begin < TRADING:
            _go_on(world, hub, ORDERING, ORDERS_PER_DAY)
            _go_on(world, hub, PAUSE, 0)
        else:
            _go_on(world, hub, LATER_STEP, 0)
        tell(f"{world.now():%a %d %b, %H:%M} UTC")
        result = run_cycle(hub)
        rounds += 1
        failures += [f"{world.now():%d %b %H:%M} {step}: {why}" for step, why in result.failures.items()]
        quiet = quiet + 1 if world.now() - begin > TRADING and _is_still(world, hub) else 0
    tell("building the KPI tables")
    published = build_kpis(hub, "demo")
    truth = world.get("ledger")
    _ledger(hub.state.parent).write_text(json.dumps(truth))
    return DemoResult(compare_with_truth(hub.store, truth), failures, rounds, published)


def compare_again(home: Path) -> Comparison:
    """The last play's store beside the ledger that was kept of it.

    Raises:
        ProblemError: If there was no play in that folder.
    """
    if not _ledger(home).exists():
        raise ProblemError(f"{home} holds no play; run `orderhub demo` first")
    store = open_store(f"sqlite:///{home}/orders.db")
    try:
        return compare_with_truth(store, json.loads(_ledger(home).read_text()))
    finally:
        store.close()


def _ledger(home: Path) -> Path:
    return home / "ledger.json"


def _cancel_one_order_each(world: SandboxProcess, hub: Hub) -> None:
    """Leave nothing to chance: at every channel a buyer cancels at once, so that it is compared too."""
    for channel in hub.config.enabled("channel"):
        placed = world.post("orders", {"channel": channel.name, "payment": "captured", "by_channel": False})
        order = {"channel": channel.name, "external_id": placed["orders"][0]["external_id"]}
        world.post("orders/change", order | {"change": "cancel"})


def _go_on(world: SandboxProcess, hub: Hub, span: timedelta, orders_per_day: int) -> None:
    world.post("advance", {"orders_per_day": orders_per_day, "minutes": 0})
    hub.clock.sleep(span.total_seconds())


def write(result: DemoResult, file: Path) -> None:
    """Write the comparison where a person or a machine finds it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result.as_json(), indent=2) + "\n")


def _is_still(world: SandboxProcess, hub: Hub) -> bool:
    """Whether all parcels have arrived and the hub knows it: what is left waits for goods, not for time."""
    found = compare_with_truth(hub.store, world.get("ledger"))
    arrived = all(one["delivered"] == one["shipped"] for one in found.truth.values())
    return arrived and not found.divergences
