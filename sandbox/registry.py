"""Which connections the sandbox's merchant has, and who imitates the vendor behind each."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import cast

from sandbox.faults import Faults
from sandbox.vendor import Vendor
from sandbox.world import World

VENDORS: Mapping[str, str] = {
    "amazon": "sandbox.vendors.amazon:AmazonVendor",
    "easypost": "sandbox.vendors.easypost:EasyPostVendor",
    "shipbob": "sandbox.vendors.shipbob:ShipBobVendor",
    "shopify": "sandbox.vendors.shopify:ShopifyVendor",
    "tryton": "sandbox.vendors.tryton:TrytonVendor",
    "ups": "sandbox.vendors.ups:UpsVendor",
    "vendure": "sandbox.vendors.vendure:VendureVendor",
    "woocommerce": "sandbox.vendors.woocommerce:WooCommerceVendor",
}
CHANNELS: Mapping[str, str] = {
    "shopify-eu": "shopify",
    "amazon-uk": "amazon",
    "woo-de": "woocommerce",
    "vendure-us": "vendure",
}
WMSS: Mapping[str, str] = {"tryton-lyon": "tryton", "shipbob-us": "shipbob"}
CARRIERS: Mapping[str, str] = {"ups": "ups", "easypost": "easypost"}
CONNECTIONS: Mapping[str, str] = {**CHANNELS, **WMSS, **CARRIERS}
"""Connection to vendor, for the merchant that `sandbox.merchant.build_world` makes."""


def vendor_class(name: str) -> type[Vendor]:
    """The imitation of a vendor. Raises KeyError if there is none of that name."""
    module, _, attribute = VENDORS[name].partition(":")
    return cast("type[Vendor]", getattr(import_module(module), attribute))


def open_vendors(world: World, connections: Iterable[str] = CONNECTIONS) -> dict[str, Vendor]:
    """An imitation for each connection, with its own switchboard of faults."""
    return {name: vendor_class(CONNECTIONS[name])(world, name, Faults()) for name in connections}
