"""The hub's time where it plays against a sandbox: the sandbox's own."""

import time
from datetime import datetime

import requests


class SandboxClock:
    """Asks the sandbox for `now`; waiting and time-outs stay real."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/_control/clock"
        self._session = requests.Session()
        self._session.trust_env = False

    def now(self) -> datetime:
        """The sandbox's time of day, aware UTC."""
        answer = self._session.get(self._url, timeout=(5, 10))
        answer.raise_for_status()
        return datetime.fromisoformat(answer.json()["now"])

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
