"""The catalogue as one value, out of its tables: which SKUs a warehouse picks for what a channel sells."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import Connection, select

from normalization.records import ResolvedSku
from order_store.catalogue_files import BadRow, CatalogueCounts, load_catalogue
from order_store.schema.catalogue import kit_components, sku_aliases, skus

__all__ = ["BadRow", "CatalogueCounts", "StoredCatalogue", "catalogue_view", "load_catalogue"]

Key = TypeVar("Key")
Value = TypeVar("Value")


class Span(NamedTuple, Generic[Value]):
    """A value that holds from `start` until before `end`."""

    start: datetime
    end: datetime | None
    value: Value


class StoredCatalogue:
    """An unchanging view of the catalogue; what `normalization.verification.CatalogueView` asks for."""

    def __init__(
        self,
        aliases: Mapping[tuple[str, str], tuple[Span[str], ...]],
        codes: Mapping[str, tuple[Span[ResolvedSku], ...]],
    ) -> None:
        self._aliases = aliases
        self._codes = codes
        self._timeless: dict[tuple[str, str], ResolvedSku] = {}

    def resolve(self, connection: str, channel_sku: str, at: datetime) -> ResolvedSku | None:
        """What is picked for one unit of a channel's SKU, or None if it is not mapped.

        An alias of the connection goes before one for every channel ("*"), and that before the SKU or kit
        of the same name. What begins later than `at` serves where nothing held then: a mapping that is
        added today releases the order of yesterday that waits for it.
        """
        timeless = self._timeless.get((connection, channel_sku))
        if timeless is not None:
            return timeless
        return self._resolve(connection, channel_sku, at)

    def _resolve(self, connection: str, channel_sku: str, at: datetime) -> ResolvedSku | None:
        own = self._aliases.get((connection, channel_sku), ())
        common = self._aliases.get(("*", channel_sku), ())
        code = valid(own, at) or valid(common, at) or channel_sku
        spans = self._codes.get(code, ())
        found = valid(spans, at)
        if found and is_timeless(own) and is_timeless(common) and is_timeless(spans):
            self._timeless[connection, channel_sku] = found
        return found


def valid(spans: tuple[Span[Value], ...], at: datetime) -> Value | None:
    """The value that holds at a time, else the first that begins later, else None. Spans ascend."""
    for start, end, value in spans:
        if at < start or end is None or at < end:
            return value
    return None


def is_timeless(spans: tuple[Span[Value], ...]) -> bool:
    """Whether `valid` answers the same at all times."""
    return not spans or (len(spans) == 1 and spans[0].end is None)


def catalogue_view(tx: Connection) -> StoredCatalogue:
    """Read the whole catalogue."""
    aliases: dict[tuple[str, str], list[Span[str]]] = {}
    for row in tx.execute(select(sku_aliases)):
        span = Span(row.valid_from, row.valid_to, row.sku)
        aliases.setdefault((row.connection, row.channel_sku), []).append(span)
    codes: dict[str, list[Span[ResolvedSku]]] = {}
    for row in tx.execute(select(skus.c.sku, skus.c.valid_from, skus.c.valid_to)):
        span_of_sku = Span(row.valid_from, row.valid_to, ResolvedSku(((row.sku, 1),)))
        codes.setdefault(row.sku, []).append(span_of_sku)
    parts: dict[str, list[Span[tuple[str, int]]]] = {}
    for row in tx.execute(select(kit_components).order_by(kit_components.c.sku)):
        parts.setdefault(row.kit, []).append(Span(row.valid_from, row.valid_to, (row.sku, row.units)))
    for kit, spans in parts.items():
        codes.setdefault(kit, []).extend(_kit_spans(kit, spans))
    return StoredCatalogue(_ascending(aliases), _ascending(codes))


def _ascending(found: Mapping[Key, Iterable[Span[Value]]]) -> dict[Key, tuple[Span[Value], ...]]:
    return {key: tuple(sorted(spans, key=lambda span: span.start)) for key, spans in found.items()}


def _kit_spans(kit: str, parts: list[Span[tuple[str, int]]]) -> list[Span[ResolvedSku]]:
    """A kit as it was between each two moments at which one of its components changed."""
    starts = sorted({part.start for part in parts} | {part.end for part in parts if part.end})
    ends: list[datetime | None] = [*starts[1:], None]
    spans: list[Span[ResolvedSku]] = []
    for start, end in zip(starts, ends, strict=True):
        inside = tuple(
            part.value for part in parts if part.start <= start and (part.end is None or start < part.end)
        )
        if inside:
            spans.append(Span(start, end, ResolvedSku(inside, kit)))
    return spans
