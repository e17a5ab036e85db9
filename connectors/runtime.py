"""What a connector is handed from outside: time, pacing, a token cache. All of it can outlive a process."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from connectors.redaction import Redactor


class Clock(Protocol):
    """The hub's time. `sleep` and `monotonic` are real time also where `now` is simulated."""

    def now(self) -> datetime:
        """The time of day, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow, for time-outs."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time of day, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and when it stops working."""

    value: str = field(repr=False)
    expires_at: datetime


class TokenCache(Protocol):
    """Keeps access tokens between calls, and between processes if it likes."""

    def get(self, key: str) -> Token | None:
        """The token last put under the key."""
        ...

    def put(self, key: str, token: Token | None) -> None:
        """Remember a token, or forget it."""
        ...


class MemoryTokens:
    """A token cache that ends with the process."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token | None] = {}

    def get(self, key: str) -> Token | None:
        """The token last put under the key."""
        return self._tokens.get(key)

    def put(self, key: str, token: Token | None) -> None:
        """Remember a token, or forget it."""
        self._tokens[key] = token


class Pacer(Protocol):
    """Keeps all processes that use a connection inside the vendor's limits together."""

    def acquire(self, bucket: str, cost: int = 1, spare: int = 0) -> None:
        """Wait until `cost` units may be spent and `spare` units are left for what is more urgent.

        Raises RateLimited if that takes longer than a call may.
        """
        ...

    def pause(self, bucket: str, seconds: float) -> None:
        """The vendor asked everybody to wait so long."""
        ...


class NoPacing:
    """For tests and for vendors without limits."""

    def acquire(self, bucket: str, cost: int = 1, spare: int = 0) -> None:
        """Do not wait."""

    def pause(self, bucket: str, seconds: float) -> None:
        """Do not wait."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: `per_second` units come back each second, at most `burst` lie in it."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that a connector needs besides its settings and secrets.

    `pacer_for` makes the pacer of a connection from its named rates. `redactor` learns what the connector
    authenticates with, so that no error tells it.
    """

    clock: Clock = field(default_factory=SystemClock)
    tokens: TokenCache = field(default_factory=MemoryTokens)
    pacer_for: Callable[[str, Mapping[str, Rate]], Pacer] = field(
        default=lambda _connection, _rates: NoPacing()
    )
    call_timeout: tuple[float, float] = (5.0, 30.0)
    ca_bundle: Path | None = None
    redactor: Redactor = field(default_factory=Redactor)
