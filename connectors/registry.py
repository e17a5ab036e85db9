"""Which connectors there are. A new vendor adds one line here and one in normalization/registry.py."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import cast

from connectors.contract import Connector
from connectors.guarding import guard
from connectors.redaction import Redactor
from connectors.runtime import Runtime

CHANNELS: Mapping[str, str] = {
    "amazon": "connectors.channels.amazon:Amazon",
    "shopify": "connectors.channels.shopify:Shopify",
    "vendure": "connectors.channels.vendure:Vendure",
    "woocommerce": "connectors.channels.woocommerce:WooCommerce",
}
WMSS: Mapping[str, str] = {
    "shipbob": "connectors.wms.shipbob:ShipBob",
    "tryton": "connectors.wms.tryton:Tryton",
}
CARRIERS: Mapping[str, str] = {
    "easypost": "connectors.carriers.easypost:EasyPost",
    "ups": "connectors.carriers.ups:Ups",
}
KINDS: Mapping[str, Mapping[str, str]] = {"channel": CHANNELS, "wms": WMSS, "carrier": CARRIERS}


def connector_class(connector: str) -> type[Connector]:
    """The class of a connector by its name.

    Raises:
        KeyError: If there is none of that name.
    """
    for family in KINDS.values():
        if connector in family:
            module, _, name = family[connector].partition(":")
            return cast("type[Connector]", getattr(import_module(module), name))
    raise KeyError(connector)


def kind_of(connector: str) -> str:
    """channel, wms or carrier."""
    return next(kind for kind, family in KINDS.items() if connector in family)


def connect(
    connector: str, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
) -> Connector:
    """A connector, ready to talk, behind its guard: its errors hold no secret and are all ConnectorError.

    Args:
        connector: Its name in this registry.
        connection: The name of the configured connection.
        settings: What hub.yaml says, as `connector_class(...).settings` names it.
        secrets: What `connector_class(...).secrets` names, from the environment or a secrets file.
        runtime: Time, pacing and tokens.
    """
    redactor = Redactor(secrets.values())
    hiding = replace(runtime, redactor=redactor)
    return guard(connector_class(connector)(connection, settings, secrets, hiding), redactor)
