"""The hub's time where it plays against a sandbox: the sandbox's own."""

from datetime import datetime

import requests


class SandboxClock:
    """Asks the sandbox for `now`. Whoever sleeps lets the sandbox's world go on instead of waiting.

    So a vendor that allows one call in three minutes costs the play three minutes of the world, and none
    of ours.
    """

    def __init__(self, url: str) -> None:
        self._control = url.rstrip("/") + "/_control"
        self._session = requests.Session()
        self._session.trust_env = False

    def now(self) -> datetime:
        """The sandbox's time of day, aware UTC."""
        answer = self._session.get(f"{self._control}/clock", timeout=(5, 30))
        answer.raise_for_status()
        return datetime.fromisoformat(answer.json()["now"])

    def monotonic(self) -> float:
        """Seconds of the sandbox's world, which never goes back."""
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Let the world go on by so many seconds."""
        body = {"minutes": seconds / 60}
        self._session.post(f"{self._control}/advance", json=body, timeout=(5, 600)).raise_for_status()
