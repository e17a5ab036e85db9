"""What a hub on several machines needs: Redis, an S3-compatible store, Celery workers, Dagster's daemon."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """A Redis that keeps nothing; yields its URL without a database."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(port=port)
        for _ in range(200):
            with suppress(redis.ConnectionError):
                if client.ping():
                    break
            time.sleep(0.05)
        client.close()
        yield f"redis://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


class Process:
    """A process group of ours, with its log in a file."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str], folder: Path) -> None:
        self.log = folder / f"{name}.log"
        with self.log.open("w") as log:
            self.popen = subprocess.Popen(
                command, cwd=ROOT, env=dict(environ), stdout=log, stderr=log, start_new_session=True
            )

    def wait_for(self, words: str, seconds: float) -> None:
        """Wait until it has said something. Raises RuntimeError with its log if it does not."""
        until = time.monotonic() + seconds
        while words not in self.log.read_text():
            if self.popen.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.log.stem} did not say {words!r}:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def children(self) -> list[int]:
        """Processes that it or its children have started, the youngest last."""
        found, waiting = [], [self.popen.pid]
        while waiting:
            parent = waiting.pop()
            for task in Path(f"/proc/{parent}/task").glob("*/children"):
                children = [int(one) for one in task.read_text().split()]
                found += children
                waiting += children
        return found

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGINT)
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait(20)


def python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def has_redis() -> bool:
    return shutil.which("redis-server") is not None
