"""Where a connection may send its credentials: an address without a password in it, reached by TLS."""

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from pipelines.config_models import Connection

ADDRESSES = ("base_url", "token_url")
"""Settings that are addresses."""
OWN_NETWORK = (".localhost", ".local", ".internal", ".svc", ".test", ".home.arpa")
"""Ends of names that no public network resolves (RFC 6761, 6762, 8375; ICANN's .internal; Kubernetes)."""


def address_problems(connections: Iterable[Connection]) -> list[str]:
    """A sentence for each address to which no credentials should go. It does not repeat the address."""
    problems = []
    for connection in connections:
        for name in ADDRESSES:
            given = connection.settings.get(name)
            if given is not None and (wrong := _wrong_with(given)):
                problems.append(f"connections[{connection.name}].settings.{name}: {wrong}")
    return problems


def _wrong_with(address: str) -> str:
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "is no address. Write it as https://shop.example."
    if parts.scheme not in ("https", "http") or not host:
        return "is no address. Write it as https://shop.example."
    if parts.username is not None or parts.password is not None:
        return "holds a user or a password. Take them out and name them under `secrets`."
    if parts.query or parts.fragment:
        return "ends in a query. Write the address alone."
    if parts.scheme == "http" and not _is_own(parts):
        return "sends credentials in the clear. Write https://."
    return ""


def _is_own(parts: SplitResult) -> bool:
    """Whether the host lies on this machine or in the merchant's own network."""
    host = (parts.hostname or "").rstrip(".")
    try:
        found = ip_address(host)
    except ValueError:
        return "." not in host or f".{host}".endswith(OWN_NETWORK)
    return found.is_loopback or found.is_private
