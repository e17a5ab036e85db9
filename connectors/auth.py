"""Authentication, apart from everything else: each kind says which headers a call carries."""

import base64
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

from connectors.runtime import Runtime, Token

EARLY = timedelta(seconds=60)
"""A token is renewed so long before it expires."""


class Auth(Protocol):
    """Adds credentials to a call."""

    def headers(self) -> Mapping[str, str]:
        """The headers that identify the caller."""
        ...

    def renew(self) -> bool:
        """After a 401: forget what was cached. True if trying once more makes sense."""
        ...


class NoAuth:
    """No credentials."""

    def headers(self) -> Mapping[str, str]:
        """None."""
        return {}

    def renew(self) -> bool:
        """Nothing to renew."""
        return False


class HeaderAuth:
    """A fixed header: API keys and personal access tokens."""

    def __init__(self, name: str, value: str) -> None:
        self._headers = {name: value}

    def headers(self) -> Mapping[str, str]:
        """The header."""
        return self._headers

    def renew(self) -> bool:
        """A fixed secret cannot be renewed."""
        return False


def basic(user: str, password: str) -> HeaderAuth:
    """HTTP Basic (RFC 7617)."""
    return HeaderAuth("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


class TokenAuth:
    """An access token that is fetched, cached and renewed.

    `fetch` asks the vendor for a new token; `header` turns its value into the header to send.
    """

    def __init__(
        self,
        key: str,
        runtime: Runtime,
        fetch: Callable[[], Token],
        header: Callable[[str], Mapping[str, str]],
    ) -> None:
        self._key = key
        self._runtime = runtime
        self._fetch = fetch
        self._header = header

    def headers(self) -> Mapping[str, str]:
        """The header with a token that is still good."""
        token = self._runtime.tokens.get(self._key)
        if token is None or token.expires_at - EARLY <= self._runtime.clock.now():
            token = self._fetch()
            self._runtime.tokens.put(self._key, token)
        return self._header(token.value)

    def renew(self) -> bool:
        """Forget the token, so that the next call fetches one."""
        self._runtime.tokens.put(self._key, None)
        return True


def bearer(value: str) -> Mapping[str, str]:
    """The usual header of a token (RFC 6750)."""
    return {"Authorization": f"Bearer {value}"}
