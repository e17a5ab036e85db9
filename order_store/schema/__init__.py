"""The store's tables, one module a subject; importing this package registers them all on `metadata`."""

from order_store.schema import balance, catalogue, fulfilment, orders, privacy, reading, routing
from order_store.schema.base import metadata

__all__ = ["balance", "catalogue", "fulfilment", "metadata", "orders", "privacy", "reading", "routing"]
