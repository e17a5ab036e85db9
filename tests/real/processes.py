"""Servers as child processes: started on free loopback ports, ended by their ids."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

START_SECONDS = 120
STOP_SECONDS = 20


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def finished(
    command: Sequence[str | Path], *, cwd: Path | None = None, user: str | None = None, **environment: str
) -> None:
    """Run a program to its end.

    Raises:
        RuntimeError: If it fails, with the end of what it said.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        user=user,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-4000:]
        raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode}:\n{said}")


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    *,
    user: str | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    ended_by: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a session of its own, its output in a log, and end that session afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            user=user,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, ended_by)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(ready: Callable[[], bool], name: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server is ready.

    Raises:
        RuntimeError: If it is not in time, or ended instead, with the end of its log.
    """
    end = time.monotonic() + START_SECONDS
    while not ready():
        ended = process.poll() is not None
        if ended or time.monotonic() > end:
            why = f"ended with {process.returncode}" if ended else f"did not start in {START_SECONDS} s"
            raise RuntimeError(f"{name} {why}:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.1)
