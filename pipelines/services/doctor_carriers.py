"""The hub beside each carrier's own figures: where its parcels are."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import select

from connectors.contract import Page
from connectors.errors import RecordMissing
from normalization import registry
from normalization.errors import NormalizationError
from normalization.records import Tracking
from normalization.registry import Context
from normalization.statuses import TrackingStatus
from order_store.schema.fulfilment import parcels
from pipelines.hub import Hub
from pipelines.services.findings import Finding
from pipelines.services.track import TRACKING, store_tracking

GRACE = timedelta(hours=2)
"""A scan that is younger is asked for by the next round."""
SILENT = timedelta(days=2)
"""A carrier that does not know a parcel for so long after it left has never got it."""
MOST = 1_000
"""Parcels that are compared; each is a call."""


def carrier_findings(hub: Hub, connection: str, since: datetime) -> Iterator[Finding]:
    """Ask a carrier about the parcels that left since a time, and compare its answers with the store.

    Raises:
        connectors.errors.ConnectorError: If it cannot be asked.
    """
    with hub.store.read() as tx:
        rows = _parcels(tx, connection, since)
    if len(rows) > MOST:
        yield Finding(
            "parcels_not_asked",
            connection,
            f"more than {MOST:,} parcels have left since {since:%Y-%m-%d}: the newest {MOST:,} are compared",
            "look at fewer days: `orderhub doctor --days 1`",
        )
    for row in rows[:MOST]:
        try:
            page = hub.connector(connection).read_one(TRACKING, row.tracking_number)
        except RecordMissing:
            if row.shipped_at < hub.clock.now() - SILENT:
                yield Finding(
                    "parcel_unknown",
                    f"{connection} {row.tracking_number}",
                    f"it left on {row.shipped_at:%Y-%m-%d}, and the carrier does not know it",
                    "ask the warehouse whether it was handed over, and under which number",
                )
            continue
        told = _tracking(hub, connection, page)
        if told is None or not _is_behind(row, told, hub.clock.now()):
            continue
        yield Finding(
            "parcel_differs",
            f"{connection} {row.tracking_number}",
            f"the carrier says {told.status.value}, the hub {row.status}",
            "apply the carrier's answer",
            partial(_apply, connection=connection, page=page, parcel_id=row.id),
        )


def _parcels(tx: Transaction, connection: str, since: datetime) -> Sequence[Any]:
    parcel = parcels.c
    query = select(parcels).where(
        parcel.carrier_connection == connection,
        parcel.tracking_number.is_not(None),
        parcel.shipped_at >= since,
    )
    return tx.execute(query.order_by(parcel.id.desc()).limit(MOST + 1)).all()


def _tracking(hub: Hub, connection: str, page: Page) -> Tracking | None:
    configured = hub.config.connection(connection)
    context = Context(connection, page.observed_at, configured.settings)
    try:
        return registry.carrier(configured.connector).tracking(page.records[0].payload, context)
    except (NormalizationError, IndexError):
        return None


def _is_behind(row: Any, told: Tracking, now: datetime) -> bool:  # noqa: ANN401 -- a row
    """Whether the hub should know what the carrier says. Delivered stays delivered here (S40)."""
    if told.status.value == row.status or told.status is TrackingStatus.UNKNOWN:
        return False
    if row.delivered_at is not None and told.status is not TrackingStatus.RETURN_TO_SENDER:
        return False
    newest = max((event.occurred_at for event in told.events if event.occurred_at), default=None)
    return newest is not None and newest < now - GRACE


def _apply(hub: Hub, connection: str, page: Page, parcel_id: int) -> None:
    store_tracking(hub, connection, page, [parcel_id])
