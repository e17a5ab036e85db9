"""What somebody must know to talk to the sandbox's vendors: addresses, settings and credentials.

The names are those that a connection in hub.yaml has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.registry import CONNECTIONS

_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "amazon": {
        "base_url": "{url}",
        "token_url": "{url}/auth/o2/token",
        "marketplace_ids": "A1F83G8C2ARO7P",
    },
    "easypost": {"base_url": "{url}"},
    "shipbob": {"base_url": "{url}", "channel_id": "7001"},
    "shopify": {"base_url": "{url}"},
    "tryton": {"base_url": "{url}", "database": "wms", "company": "1"},
    "ups": {"base_url": "{url}"},
    "vendure": {"base_url": "{url}/admin-api"},
    "woocommerce": {"base_url": "{url}"},
}
_SECRETS: Mapping[str, Mapping[str, str]] = {
    "amazon": {
        "client_id": "amzn1.application-oa2-client.sandbox",
        "client_secret": "amzn1.oa2-cs.v1.sandbox",
        "refresh_token": "Atzr|sandbox",
    },
    "easypost": {"api_key": "EZTKsandbox"},
    "shipbob": {"token": "sandbox-shipbob"},
    "shopify": {"access_token": "shpat_sandbox"},
    "tryton": {"key": "sandbox-tryton"},
    "ups": {"client_id": "sandbox-ups", "client_secret": "sandbox-ups-key"},
    "vendure": {"username": "superadmin", "password": "superadmin"},
    "woocommerce": {"consumer_key": "ck_sandbox", "consumer_secret": "cs_sandbox"},
}


@dataclass(frozen=True, slots=True)
class Access:
    """How one connection is reached. `vendor` is the name of the connector that speaks to it."""

    connection: str
    vendor: str
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)


def access(url: str) -> dict[str, Access]:
    """How each connection of the sandbox at `url` is reached."""
    found = {}
    for connection, vendor in CONNECTIONS.items():
        base = f"{url.rstrip('/')}/{connection}"
        settings = {name: text.format(url=base) for name, text in _SETTINGS[vendor].items()}
        found[connection] = Access(connection, vendor, settings, _SECRETS[vendor])
    return found
