"""Month-end traffic in bad weather: does the hub leak, fall behind, lose or double anything?

    python -m benchmarks.soak --orders 1200 --json

An hour of the sandbox's world is played in steps of two minutes, with orders coming in at an even rate on
all four channels, while hub processes do rounds of everything as fast as they can. Of all vendor calls 20 %
fail, in every way that the vendor is documented to (sandbox/mishaps.py). Then nobody orders any more and
the world goes on, in the same weather, until every parcel has arrived and every channel knows. At last
the weather clears, one more round is done, and the ledger is compared with the hub, line by line.

Of each process resident memory and open file handles are sampled after each round; the slopes are those of
a least-squares line through the samples after the first third, in KiB and handles per 100 rounds.
"""

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fleet import DATABASES, UNDECIDED, UNSETTLED, Fleet, Stage, new_store, stage
from order_store.outbox import State, messages
from pipelines.comparison import Comparison, compare_with_truth
from pipelines.hub import open_hub
from pipelines.services.cycle import run_cycle
from sandbox.registry import CHANNELS

STEP, STEPS = timedelta(minutes=2), 30
DRAIN = timedelta(hours=8)
MOST_DRAIN_STEPS = 36
WARM_UP = 1 / 3


def play(set_up: Stage, workers: int, orders: int, rate: float, pace: float) -> dict[str, Any]:
    """The hour, the drain and the comparison.

    Args:
        set_up: A world without fickle buyers, and its store.
        workers: Hub processes.
        orders: That come in during the hour.
        rate: The share of calls that fail.
        pace: Real seconds that a step of the hour takes at least.

    Raises:
        RuntimeError: If a process ended.
    """
    weather = {"rate": rate, "hang_seconds": 1.5, "slow_seconds": 0.1}
    set_up.world.post("weather", weather)
    with Fleet(set_up.environ, set_up.folder / "fleet", workers, "--answer-within", "1") as fleet:
        fleet.go()
        began = time.perf_counter()
        waiting = []
        for step in range(STEPS):
            stepped = time.perf_counter()
            _place(set_up, orders, step)
            set_up.world.advance(STEP)
            waiting.append(_backlog(set_up, orders * (step + 1) // STEPS))
            fleet.check()
            time.sleep(max(0.0, pace - (time.perf_counter() - stepped)))
        hour = time.perf_counter() - began
        set_up.wait_until_drained(orders, 600, timedelta(minutes=1))
        drained = time.perf_counter() - began
        for _ in range(MOST_DRAIN_STEPS):
            set_up.world.advance(DRAIN)
            time.sleep(max(2.0, pace))
            fleet.check()
            if _has_arrived(set_up):
                break
        fleet.stop()
        rounds = fleet.rounds()
    struck = set_up.world.post("weather", {})
    comparison = _settle(set_up)
    calls = sum(one["calls"] for one in struck.values())
    taken = Counter(one["reference"] for one in set_up.world.get("shipments"))
    return {
        "orders": orders,
        "workers": workers,
        "calls": calls,
        "failed_calls": sum(sum(one["struck"].values()) for one in struck.values()),
        "mishaps": dict(sum((Counter(one["struck"]) for one in struck.values()), Counter[str]())),
        "seconds_of_the_hour": round(hour, 1),
        "seconds_until_drained": round(drained, 1),
        "orders_per_second": round(orders / drained, 2),
        "largest_backlog": max(waiting),
        "failed_steps": sum(len(one["failures"]) for each in rounds for one in each),
        "processes": [trend(each) for each in rounds],
        "divergences": [str(one) for one in comparison.divergences],
        "not_applied": _not_applied(set_up),
        "compared_orders": comparison.orders,
        "sent_twice": sum(count - 1 for count in taken.values()),
    }


def trend(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How one process's memory and handles went, after the warm-up."""
    warm = rounds[int(len(rounds) * WARM_UP) :]
    return {
        "rounds": len(rounds),
        "rss_mib": [round(one["rss_kib"] / 1024, 1) for one in (warm[0], warm[-1])],
        "rss_kib_per_100_rounds": round(100 * _slope([one["rss_kib"] for one in warm]), 1),
        "handles": [warm[0]["handles"], warm[-1]["handles"]],
        "handles_per_100_rounds": round(100 * _slope([one["handles"] for one in warm]), 2),
        "cpu_seconds": rounds[-1]["cpu_seconds"],
    }


def _slope(values: Sequence[float]) -> float:
    return float(np.polyfit(range(len(values)), values, 1)[0]) if len(values) > 1 else 0.0


def _place(set_up: Stage, orders: int, step: int) -> None:
    names = list(CHANNELS)
    for number in range(orders * step // STEPS, orders * (step + 1) // STEPS):
        wish = {"channel": names[number % len(names)], "payment": "captured", "by_channel": False}
        placed = set_up.world.post("orders", wish)["orders"]
        if number < len(names):  # one order at each channel is cancelled at once
            order = {"channel": wish["channel"], "external_id": placed[0]["external_id"]}
            set_up.world.post("orders/change", order | {"change": "cancel"})


def _backlog(set_up: Stage, placed: int) -> int:
    """Orders that are not read, or not decided, and messages that are not settled."""
    read = set_up.count("SELECT count(*) FROM orders")
    return placed - read + set_up.count(UNDECIDED) + set_up.count(UNSETTLED)


def _not_applied(set_up: Stage) -> list[str]:
    """Messages that no vendor has done, and why."""
    with set_up.store.read() as tx:
        found = messages(tx, states=set(State) - {State.APPLIED, State.SUPERSEDED}, limit=20)
        return [f"{one.operation} {one.reference}: {one.state}, {one.reason}" for one in found]


def _has_arrived(set_up: Stage) -> bool:
    lines = [line for one in set_up.world.get("ledger")["orders"] for line in one["lines"]]
    return all(line["delivered"] == line["ordered"] - line["cancelled"] for line in lines)


def _settle(set_up: Stage) -> Comparison:
    """Rounds in good weather until nothing differs any more, three at most."""
    with open_hub(set_up.environ["ORDERHUB_CONFIG"], set_up.environ) as hub:
        for _ in range(4):
            set_up.world.advance(timedelta(hours=12))
            run_cycle(hub)
            comparison = compare_with_truth(set_up.store, set_up.world.get("ledger"))
            if not comparison.divergences and not set_up.count(UNSETTLED):
                break
    return comparison


def measure(
    database: str, workers: int, orders: int, rate: float, pace: float, seed: int = 1
) -> dict[str, Any]:
    """One soak on a new store."""
    with (
        tempfile.TemporaryDirectory() as name,
        new_store(database, Path(name)) as url,
        stage(Path(name), url, seed, "--plenty", "--steady") as set_up,
    ):
        return {"database": database, "rate": rate} | play(set_up, workers, orders, rate, pace)


def main() -> None:
    """Play, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=1200, help="in the hour")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--rate", type=float, default=0.2, help="the share of calls that fail")
    parser.add_argument("--pace", type=float, default=2.0, help="seconds that two minutes take at least")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    options = parser.parse_args()
    report = measure(options.database, options.workers, options.orders, options.rate, options.pace)
    report["load_average"] = round(os.getloadavg()[0], 1)
    if not options.json:
        for key, value in report.items():
            print(f"{key:24} {value}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
