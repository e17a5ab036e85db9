"""Which datasets an order has, and the version of each.

Nearly always all datasets of an order have the order's own version; only those that differ are written
down, as JSON on the order's row: dataset -> [revision, observed_at in microseconds], or null if that
dataset was never read.
"""

from collections.abc import Mapping
from operator import attrgetter

import msgspec
from msgspec import UNSET

from normalization.records import CanonicalOrder, Version
from order_store.schema.base import from_micros, to_micros

DATASETS = (
    "totals",
    "buyer",
    "ship_to",
    "bill_to",
    "lines",
    "shipping",
    "charges",
    "discounts",
    "payments",
    "fulfilments",
    "refunds",
    "returns",
    "notes",
)
"""The parts of an order that an answer may lack. All its other fields together are "the order"."""

HEADER = tuple(
    name
    for name in CanonicalOrder.__struct_fields__
    if name not in DATASETS and name not in ("connection", "external_id", "version")
)

Versions = Mapping[str, Version | None]
"""Dataset -> its version; None if it was never read."""

_DECODER = msgspec.json.Decoder(dict[str, tuple[str, int] | None])


def versions_of(order: CanonicalOrder) -> dict[str, Version | None]:
    """The versions of a single answer's datasets."""
    return {name: None if getattr(order, name) is UNSET else order.version for name in DATASETS}


_parts = attrgetter(*DATASETS)


def is_complete(order: CanonicalOrder) -> bool:
    """Whether the answer carried every dataset."""
    return UNSET not in _parts(order)


def encode_versions(version: Version, versions: Versions) -> str | None:
    """What differs from the order's own version, or None if nothing does."""
    differing = {
        name: None if own is None else (own.revision, to_micros(own.observed_at))
        for name, own in versions.items()
        if own != version
    }
    return msgspec.json.encode(differing).decode() if differing else None


def decode_versions(version: Version, stored: str | None) -> dict[str, Version | None]:
    """The versions of all datasets."""
    versions: dict[str, Version | None] = dict.fromkeys(DATASETS, version)
    if stored:
        for name, own in _DECODER.decode(stored).items():
            versions[name] = Version(revision=own[0], observed_at=from_micros(own[1])) if own else None
    return versions
