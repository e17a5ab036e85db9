"""Several hubs at work on one store at once, each in a process of its own, against one sandbox.

What the concurrency and soak benchmarks, and the fault tests of the same names, are made of:

    with stage(folder, "sqlite") as set_up, Fleet(set_up.environ, folder, workers=4) as fleet:
        fleet.go()
        set_up.wait_until_drained(orders=400, seconds=60)
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import text

from order_store.engine import Store, open_store
from pipelines.sandbox_secrets import SANDBOX_CONFIG, hub_environ
from sandbox.process import SandboxProcess
from sandbox.registry import CHANNELS

ROOT = Path(__file__).resolve().parents[1]
DATABASES = ("sqlite", "postgresql")
UNSETTLED = "SELECT count(*) FROM outbox WHERE settled_at IS NULL"
UNDECIDED = (
    "SELECT count(*) FROM orders WHERE verification = 'unverified'"
    " OR (verification = 'verified' AND status IN ('open', 'partially_allocated', 'backordered'))"
)


@dataclass(frozen=True)
class Stage:
    """A sandbox in a process of its own, and what a hub needs to know to work against it."""

    world: SandboxProcess
    environ: Mapping[str, str]
    store: Store
    folder: Path

    def place(self, orders: int) -> None:
        """Let buyers place so many paid orders at once, evenly over all channels."""
        for number, channel in enumerate(CHANNELS):
            count = orders // len(CHANNELS) + (number < orders % len(CHANNELS))
            if count:
                body = {"channel": channel, "count": count, "payment": "captured", "by_channel": False}
                self.world.post("orders", body)

    def count(self, sql: str) -> int:
        """The one number that a query of the store gives."""
        with self.store.read() as tx:
            return int(tx.execute(text(sql)).scalar_one())

    def is_drained(self, orders: int) -> bool:
        """Whether so many orders are read, all are decided, and every message of theirs is settled."""
        read = self.count("SELECT count(*) FROM orders")
        return read >= orders and not self.count(UNDECIDED) and not self.count(UNSETTLED)

    def wait_until_drained(self, orders: int, seconds: float, each_second: timedelta = timedelta()) -> float:
        """How many seconds that took, the world's clock going on by `each_second`.

        Raises:
            TimeoutError: With what is left.
        """
        began = time.perf_counter()
        while not self.is_drained(orders):
            if time.perf_counter() - began > seconds:
                left = [self.count(sql) for sql in ("SELECT count(*) FROM orders", UNDECIDED, UNSETTLED)]
                raise TimeoutError(f"read, undecided, unsettled: {left} after {seconds:.0f} s")
            if each_second:  # what was put off after a failure waits for its time
                self.world.advance(each_second)
            time.sleep(1.0 if each_second else 0.1)
        return time.perf_counter() - began


@contextmanager
def stage(folder: Path, store_url: str, seed: int = 1, *arguments: str) -> Iterator[Stage]:
    """Set a stage up: a new world, and an empty store behind `store_url`.

    Args:
        folder: Where the hub keeps everything else.
        store_url: A new SQLite file or an empty PostgreSQL database.
        seed: Of the world.
        arguments: More for `python -m sandbox`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "hub.yaml"
    config.write_text(_roomy(SANDBOX_CONFIG.read_text(encoding="utf-8")), encoding="utf-8")
    with ExitStack() as stack:
        arguments = ("--catalogue", str(folder / "catalogue"), *arguments)
        world = stack.enter_context(SandboxProcess(seed, *arguments))
        environ = hub_environ(world.url, folder) | {
            "ORDERHUB_CONFIG": str(config),
            "ORDERHUB_STORE": store_url,
        }
        store = open_store(store_url)
        stack.callback(store.close)
        yield Stage(world, environ, store, folder)


def _roomy(config: str) -> str:
    """The sandbox's warehouses with room for any number of parcels a day."""
    lines = config.splitlines(keepends=True)
    return "".join(line for line in lines if "parcels_per_day:" not in line)


@contextmanager
def new_store(database: str, folder: Path) -> Iterator[str]:
    """The URL of a new store: a SQLite file, or a PostgreSQL database on a server started for it."""
    if database == "sqlite":
        yield f"sqlite:///{folder}/orders.db"
        return
    from tests.postgres import empty_database, running_postgres

    with running_postgres() as server, empty_database(server) as url:
        yield url


class Fleet:
    """Hub processes that all do the same: rounds of everything, until the `with` block ends."""

    def __init__(self, environ: Mapping[str, str], folder: Path, workers: int, *arguments: str) -> None:
        """Start them. They wait for `go`.

        Args:
            environ: Of a hub.
            folder: Where each writes its figures, one JSON line a round.
            workers: How many.
            arguments: For `python -m benchmarks.fleet_worker`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.logs = [folder / f"worker-{number}.jsonl" for number in range(workers)]
        self._workers = [self._start(environ, log, *arguments) for log in self.logs]

    def _start(self, environ: Mapping[str, str], log: Path, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "benchmarks.fleet_worker", "--log", str(log), *arguments]
        with log.with_suffix(".err").open("w") as errors:
            return subprocess.Popen(
                command,
                env=os.environ | dict(environ),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def __enter__(self) -> Self:
        try:
            while not all(log.exists() for log in self.logs):
                self.check()
                time.sleep(0.05)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def go(self) -> None:
        """Let all begin at the same moment."""
        for worker in self._workers:
            assert worker.stdin
            worker.stdin.write("go\n")
            worker.stdin.flush()

    def check(self) -> None:
        """Raise RuntimeError with what it said, if one of them has ended."""
        for worker, log in zip(self._workers, self.logs, strict=True):
            if worker.poll() is not None:
                said = log.with_suffix(".err").read_text()[-4000:]
                raise RuntimeError(f"{log.stem} ended with status {worker.returncode}:\n{said}")

    def stop(self) -> None:
        """Let each end its round, and wait for that. Raises RuntimeError if one ended badly."""
        for worker in self._workers:
            if worker.stdin and not worker.stdin.closed:
                worker.stdin.close()
        for worker, log in zip(self._workers, self.logs, strict=True):
            if worker.wait(timeout=900):
                said = log.with_suffix(".err").read_text()[-4000:]
                raise RuntimeError(f"{log.stem} ended with status {worker.returncode}:\n{said}")

    def end(self) -> None:
        """End whatever is still there."""
        for worker in self._workers:
            if worker.stdin and not worker.stdin.closed:
                worker.stdin.close()
            if worker.poll() is None:
                worker.kill()
                worker.wait()

    def kill_one(self) -> None:
        """End the first worker with SIGKILL, and forget it."""
        worker = self._workers.pop(0)
        self.logs.pop(0)
        worker.kill()
        worker.communicate()

    def rounds(self) -> list[list[dict[str, Any]]]:
        """What each worker wrote, round by round."""
        return [[json.loads(line) for line in log.read_text().splitlines()] for log in self.logs]
