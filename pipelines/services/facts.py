"""The way of stock, shipments and tracking into the store: landed, understood, applied, or quarantined."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import Connection as Transaction

from connectors.contract import RawRecord
from normalization.errors import NormalizationError
from normalization.registry import Context
from order_store.engine import refused_values
from order_store.landing import Landed, LandedFile
from order_store.landing_blobs import NO_PERSON
from order_store.quarantine import Failure, open_records, quarantine_records, resolve_records
from pipelines.hub import Hub
from pipelines.services.ingest import MAPPING_FAILED, STORE_REFUSED, without_cards

log = logging.getLogger(__name__)

Record = TypeVar("Record")
Result = TypeVar("Result")
Mapped = Callable[[bytes, Context], Record]
_REFUSED = refused_values()


@dataclass(slots=True)
class Understood(Generic[Record]):
    """Raw records of one stream, in the hub's words.

    Attributes:
        good: Each canonical record with the raw one that it was made of.
        failures: What is to be quarantined.
    """

    good: list[tuple[Landed, Record]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def land(
    hub: Hub, connection: str, stream: str, observed_at: datetime, records: Sequence[RawRecord]
) -> tuple[LandedFile | None, list[Landed]]:
    """Write raw records as one landing file, without card data; without records there is none."""
    if not records:
        return None, []
    if stream not in NO_PERSON:
        records = without_cards(records)
    pairs = [(record.external_id, record.payload) for record in records]
    file = hub.landing.land(connection, stream, observed_at, pairs)
    return file, [
        Landed(
            connection=connection,
            stream=stream,
            external_id=record.external_id,
            sequence=file.first_sequence + number,
            observed_at=observed_at,
            payload=record.payload,
            path=file.path,
            offset=offset,
        )
        for number, (record, offset) in enumerate(zip(records, file.offsets, strict=True))
    ]


def understand(
    records: Iterable[Landed], mapped: Mapped[Record], settings: Mapping[str, str]
) -> Understood[Record]:
    """Turn raw records into canonical ones; whatever a record is like, the others are not held up."""
    found: Understood[Record] = Understood()
    for record in records:
        if record.erased:
            continue
        context = Context(record.connection, record.observed_at, settings)
        try:
            found.good.append((record, mapped(record.payload, context)))
        except NormalizationError as error:
            found.failures.append(_failure(record, error.reason.value, error.message))
        except Exception as error:  # noqa: BLE001 -- a fault of the mapping must not hold up other records
            log.warning("%s: mapping failed with %s", record.connection, type(error).__name__)
            found.failures.append(_failure(record, MAPPING_FAILED, type(error).__name__))
    return found


def apply_each(tx: Transaction, found: Understood[Record], apply: Callable[[Record], Result]) -> list[Result]:
    """Apply record by record; those that the database cannot hold become failures."""
    results: list[Result] = []
    kept: list[tuple[Landed, Record]] = []
    for source, record in found.good:
        trial = tx.begin_nested()
        try:
            results.append(apply(record))
        except _REFUSED as error:
            trial.rollback()
            found.failures.append(_failure(source, STORE_REFUSED, type(error).__name__))
        else:
            trial.commit()
            kept.append((source, record))
    found.good = kept
    return results


def keep_failures(
    tx: Transaction, connection_id: int, stream: str, found: Understood[Record], now: datetime
) -> None:
    """Put failures into quarantine, and close what is good by now."""
    quarantine_records(tx, connection_id, found.failures, now)
    if waiting := open_records(tx, connection_id, stream):
        good = [
            source.external_id
            for source, _ in found.good
            if source.external_id in waiting and source.observed_at >= waiting[source.external_id]
        ]
        resolve_records(tx, connection_id, stream, good, now)


def _failure(record: Landed, reason: str, detail: str) -> Failure:
    return Failure(
        record.stream, record.external_id, reason, detail, record.path, record.offset, record.observed_at
    )
