"""The store's tables, one module a subject; importing this package registers them all on `metadata`."""

from importlib import import_module
from importlib.util import find_spec

from order_store.schema.base import metadata

SUBJECTS = ("reading", "orders", "catalogue", "fulfilment")

for _subject in SUBJECTS:
    if find_spec(f"order_store.schema.{_subject}"):
        import_module(f"order_store.schema.{_subject}")

__all__ = ["metadata"]
