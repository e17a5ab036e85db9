"""The sandbox in a process of its own, for tests that kill and for the development UI."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

import requests

from sandbox.server import CONTROL

Json = Any


class ControlClient:
    """Talks to a running sandbox's /_control/ API."""

    def __init__(self, url: str) -> None:
        """`url` is the sandbox's own, without a slash at the end."""
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, path: str) -> Json:
        """Ask for something: clock, state, ledger or faults."""
        return self._answer(self._session.get(f"{self.url}/{CONTROL}/{path}", timeout=60))

    def post(self, path: str, body: Mapping[str, Json]) -> Json:
        """Do something: advance, orders, orders/change or faults. Raises ValueError if it makes no sense."""
        return self._answer(self._session.post(f"{self.url}/{CONTROL}/{path}", json=body, timeout=600))

    def now(self) -> datetime:
        """The world's time, aware UTC."""
        return datetime.fromisoformat(self.get("clock")["now"])

    def advance(self, delta: timedelta) -> Json:
        """Let time go by in the world."""
        return self.post("advance", {"minutes": delta / timedelta(minutes=1)})

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    @staticmethod
    def _answer(response: requests.Response) -> Json:
        answer = response.json()
        if response.status_code != 200:
            raise ValueError(answer["error"])
        return answer


class SandboxProcess(ControlClient):
    """A sandbox that runs as `python -m sandbox` until the `with` block ends."""

    def __init__(self, seed: int = 1, *arguments: str) -> None:
        command = [sys.executable, "-m", "sandbox", "--port", "0", "--seed", str(seed), *arguments]
        self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"the sandbox ended with status {self._process.wait()} before it listened")
        super().__init__(json.loads(line)["url"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._process.communicate(timeout=20)  # closes its stdin, which ends it

    def url_of(self, connection: str) -> str:
        """The base URL under which a connection's vendor answers."""
        return f"{self.url}/{connection}"
