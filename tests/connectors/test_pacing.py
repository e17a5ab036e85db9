import multiprocessing
import sqlite3
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.errors import RateLimited
from connectors.pacing import SharedPacer, shared_pacing
from connectors.runtime import Rate


class Machine:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def pacer(folder: Path, machine: Machine, rates: dict[str, Rate], connection: str = "shop") -> SharedPacer:
    return SharedPacer(
        folder / "pacing.sqlite",
        connection,
        rates,
        bound=timedelta(seconds=20),
        now=machine.now,
        sleep=machine.sleep,
    )


def test_a_burst_passes_at_once_and_the_next_unit_waits_for_its_turn(tmp_path: Path) -> None:
    machine = Machine()
    paced = pacer(tmp_path, machine, {"default": Rate(per_second=2, burst=3)})
    for _ in range(3):
        paced.acquire("default")
    assert machine.slept == []
    paced.acquire("default")
    assert sum(machine.slept) == pytest.approx(0.5, abs=0.01)


def test_cost_counts_in_units(tmp_path: Path) -> None:
    machine = Machine()
    paced = pacer(tmp_path, machine, {"query": Rate(per_second=100, burst=2000)})
    paced.acquire("query", 1500)
    paced.acquire("query", 1000)
    assert sum(machine.slept) == pytest.approx(5, abs=0.01)


def test_what_is_less_urgent_leaves_some_units_for_the_rest(tmp_path: Path) -> None:
    machine = Machine()
    paced = pacer(tmp_path, machine, {"default": Rate(per_second=0.01, burst=4)})
    for _ in range(2):
        paced.acquire("default", spare=2)
    with pytest.raises(RateLimited) as refused:
        paced.acquire("default", spare=2)
    assert refused.value.retry_after == timedelta(seconds=100)
    for _ in range(2):
        paced.acquire("default")
    with pytest.raises(RateLimited):
        paced.acquire("default")


def test_a_cost_above_the_burst_takes_the_whole_bucket_instead_of_never_passing(tmp_path: Path) -> None:
    machine = Machine()
    paced = pacer(tmp_path, machine, {"query": Rate(per_second=100, burst=1000)})
    paced.acquire("query", 5000)
    paced.acquire("query", 100)
    assert sum(machine.slept) == pytest.approx(1, abs=0.01)


def test_pacers_of_one_connection_share_a_bucket_and_those_of_another_do_not(tmp_path: Path) -> None:
    machine = Machine()
    rates = {"default": Rate(per_second=1, burst=1)}
    pacer(tmp_path, machine, rates).acquire("default")
    pacer(tmp_path, machine, rates, connection="other").acquire("default")
    assert machine.slept == []
    pacer(tmp_path, machine, rates).acquire("default")
    assert sum(machine.slept) == pytest.approx(1, abs=0.01)


def test_a_wait_beyond_the_bound_is_the_callers_to_plan_and_spends_nothing(tmp_path: Path) -> None:
    machine = Machine()
    paced = pacer(tmp_path, machine, {"orders": Rate(per_second=0.0056, burst=1)})
    paced.acquire("orders")
    with pytest.raises(RateLimited) as refused:
        paced.acquire("orders")
    assert refused.value.retry_after.total_seconds() == pytest.approx(1 / 0.0056, abs=1)
    assert machine.slept == []
    machine.time += 1 / 0.0056 + 1
    paced.acquire("orders")
    assert machine.slept == []


def test_a_pause_holds_everybody_back_in_its_bucket_only(tmp_path: Path) -> None:
    machine = Machine()
    pacer(tmp_path, machine, {}).pause("default", 7)
    pacer(tmp_path, machine, {}).acquire("writes")
    assert machine.slept == []
    pacer(tmp_path, machine, {}).acquire("default")
    assert sum(machine.slept) == pytest.approx(7, abs=0.01)


def test_a_shorter_pause_does_not_end_a_longer_one(tmp_path: Path) -> None:
    machine = Machine()
    paced = pacer(tmp_path, machine, {})
    paced.pause("default", 10)
    paced.pause("default", 2)
    paced.acquire("default")
    assert sum(machine.slept) == pytest.approx(10, abs=0.01)


def test_s14_a_long_pause_is_raised_to_every_caller_until_it_is_over(tmp_path: Path) -> None:
    machine = Machine()
    paced = pacer(tmp_path, machine, {"default": Rate(per_second=2, burst=2)})
    paced.pause("default", 3600)
    for _ in range(3):
        with pytest.raises(RateLimited):
            pacer(tmp_path, machine, {}).acquire("default")
    machine.time += 3600
    paced.acquire("default")
    assert machine.slept == []


def test_a_clock_set_back_neither_locks_a_bucket_nor_keeps_a_pause(tmp_path: Path) -> None:
    machine = Machine()
    paced = pacer(tmp_path, machine, {"default": Rate(per_second=1, burst=2)})
    paced.acquire("default", 2)
    paced.pause("default", 30)
    machine.time -= 86_400
    paced.acquire("default")
    assert sum(machine.slept) <= 3


def spend(folder: str, units: int, done: "multiprocessing.Queue[float]") -> None:
    paced = shared_pacing(Path(folder))("shop", {"default": Rate(per_second=40, burst=5)})
    for _ in range(units):
        paced.acquire("default")
    done.put(time.time())


def test_two_processes_stay_within_the_rate_together(tmp_path: Path) -> None:
    """Whatever the machine's speed: what was spent is at most the burst and what came back meanwhile."""
    context = multiprocessing.get_context("spawn")
    done: multiprocessing.Queue[float] = context.Queue()
    began = time.time()
    workers = [context.Process(target=spend, args=(str(tmp_path), 20, done)) for _ in range(2)]
    for worker in workers:
        worker.start()
    ended = max(done.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert 5 + 40 * (ended - began) >= 40


def test_a_new_file_that_somebody_else_is_just_setting_up_is_waited_for(tmp_path: Path) -> None:
    """SQLite's own time-out does not cover the change to WAL: it says "locked" at once."""
    other = sqlite3.connect(tmp_path / "pacing.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.2, other.rollback)
    release.start()
    shared_pacing(tmp_path)("shop", {"default": Rate(per_second=1, burst=1)}).acquire("default")
    release.join()
    other.close()
