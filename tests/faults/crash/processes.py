"""Starts hubs in processes of their own, forked from one in which everything is imported."""

import signal
from multiprocessing import get_context
from typing import Any

from tests.faults.crash import child
from tests.faults.crash.points import Point

Given = Any
"""What is handed through as it came."""

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["tests.faults.crash.warm", "tests.faults.crash.child"])
PATIENCE = 120
"""Seconds of silence after which a process counts as stuck."""


class Process:
    """A hub that does rounds when asked."""

    def __init__(self, orders: child.Orders) -> None:
        self._line, theirs = FORKS.Pipe()
        self._process = FORKS.Process(target=child.work, args=(orders, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._answer()  # it is open, or it died of opening

    def round(self, pause: float = 0) -> dict[str, str] | None:
        """The failures of one round, after a sleep; None if the process died in it."""
        try:
            self._line.send(pause)
        except BrokenPipeError:
            return None
        failures: dict[str, str] | None = self._answer()
        return failures

    def end(self) -> list[Point]:
        """Let it finish; the points that it has passed."""
        points: list[Point] = []
        if self._process.is_alive():
            self._line.send(None)
            points = self._answer() or []
        self._process.join(PATIENCE)
        self._line.close()
        return points

    def killed(self) -> bool:
        """Whether it ended by SIGKILL."""
        self._process.join(PATIENCE)
        self._line.close()
        return self._process.exitcode == -signal.SIGKILL

    def _answer(self) -> Given:
        try:
            if not self._line.poll(PATIENCE):
                self._process.kill()
                raise TimeoutError(f"no answer for {PATIENCE} s")
            return self._line.recv()
        except (EOFError, ConnectionResetError):
            return None
