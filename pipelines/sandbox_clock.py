"""The hub's time where it plays against a sandbox: the sandbox's own."""

import time
from datetime import datetime

import requests

FRESH = 0.2
"""Seconds of ours for which an answer is good: every step asks for the time very often."""


class SandboxClock:
    """Asks the sandbox for `now`. Whoever sleeps lets the sandbox's world go on instead of waiting.

    So a vendor that allows one call in three minutes costs the play three minutes of the world, and none
    of ours.
    """

    def __init__(self, url: str) -> None:
        self._control = url.rstrip("/") + "/_control"
        self._session = requests.Session()
        self._session.trust_env = False
        self._known: tuple[float, datetime] | None = None

    def now(self) -> datetime:
        """The sandbox's time of day, aware UTC."""
        if self._known and time.monotonic() - self._known[0] < FRESH:
            return self._known[1]
        answer = self._session.get(f"{self._control}/clock", timeout=(5, 30))
        answer.raise_for_status()
        self._known = (time.monotonic(), datetime.fromisoformat(answer.json()["now"]))
        return self._known[1]

    def monotonic(self) -> float:
        """Seconds of the sandbox's world, which never goes back."""
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Let the world go on by so many seconds."""
        body = {"minutes": seconds / 60}
        self._session.post(f"{self._control}/advance", json=body, timeout=(5, 600)).raise_for_status()
        self._known = None
