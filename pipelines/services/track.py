"""Asks carriers about the parcels that are under way."""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection as Transaction

from connectors.contract import Connector, Page
from connectors.errors import (
    ConnectorError,
    CredentialsRejected,
    RateLimited,
    RecordMissing,
    StreamBroken,
)
from normalization import registry
from normalization.records import Tracking
from order_store.connections import connection_id
from order_store.files import record_file
from order_store.landing import Landed
from order_store.parcels import Outcome, apply_tracking, find_parcels, parcels_to_track
from pipelines.hub import Hub
from pipelines.services.counts import PageCounts
from pipelines.services.facts import Understood, apply_each, keep_failures, land, understand
from pipelines.services.replay import Source, replays

log = logging.getLogger(__name__)

TRACKING = "tracking"
THREADS = 4


@dataclass(frozen=True, slots=True)
class TrackResult:
    """What a round of asking a carrier found.

    Attributes:
        due: Parcels that were to be asked about.
        updated: Parcels of which something new is known.
        missing: Numbers that the carrier does not know yet: a label alone is no parcel.
        failed: Numbers that could not be read this time.
        quarantined: Answers that could not be understood.
        left_over: Numbers that wait for the next round, because the carrier asked for a pause.
    """

    due: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    missing: int = 0
    failed: int = 0
    quarantined: int = 0
    left_over: int = 0


def track_parcels(hub: Hub, connection: str) -> TrackResult:
    """Ask a carrier about each parcel that is due. Threads read, this one applies, answer by answer.

    One number's trouble stops no other. A carrier that asks for a pause gets it: the rest waits for the
    next round.

    Raises:
        connectors.errors.ConnectorError: If credentials or the form of answers are wrong, or if nothing
            could be read at all. What was stored so far stays.
    """
    now = hub.clock.now()
    numbers: dict[str, list[int]] = defaultdict(list)
    with hub.store.read() as tx:
        for parcel in parcels_to_track(tx, connection, now):
            numbers[parcel.tracking_number].append(parcel.id)
    counts: Counter[str] = Counter()
    troubles: list[ConnectorError] = []
    connector = hub.connector(connection)
    for number, answer in _answers(connector, list(numbers)):
        if isinstance(answer, Page):
            counts.update(_store(hub, connection, answer, numbers[number]))
        elif isinstance(answer, RecordMissing):
            counts["missing"] += 1
        elif isinstance(answer, RateLimited):
            counts["left_over"] += 1
        else:
            log.warning("%s: one parcel could not be read: %s", connection, type(answer).__name__)
            counts["failed"] += 1
            troubles.append(answer)
    grave = [one for one in troubles if isinstance(one, CredentialsRejected | StreamBroken)]
    if grave or (troubles and len(troubles) == len(numbers)):
        raise (grave or troubles)[0]
    answered = sum(counts[key] for key in ("read", "missing", "failed"))
    return TrackResult(
        due=sum(map(len, numbers.values())),
        updated=counts[Outcome.UPDATED],
        unchanged=counts[Outcome.UNCHANGED],
        stale=counts[Outcome.STALE],
        missing=counts["missing"],
        failed=counts["failed"],
        quarantined=counts["quarantined"],
        left_over=len(numbers) - answered,
    )


def _answers(connector: Connector, numbers: Sequence[str]) -> Iterator[tuple[str, Page | ConnectorError]]:
    """Each number with the carrier's answer or the reason why there is none, as they come.

    No more is asked once the carrier wants a pause or refuses the credentials.
    """
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix=connector.connection)
    try:
        asked: dict[Future[Page], str] = {
            pool.submit(connector.read_one, TRACKING, number): number for number in numbers
        }
        for future in as_completed(asked):
            if future.cancelled():
                continue
            error = future.exception()
            if isinstance(error, RateLimited | CredentialsRejected):
                for other in asked:
                    other.cancel()
            if isinstance(error, ConnectorError):
                yield asked[future], error
            else:
                yield asked[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def store_tracking(hub: Hub, connection: str, page: Page, parcel_ids: Sequence[int]) -> None:
    """Land an answer that was asked for beyond a round, and apply it to parcels."""
    _store(hub, connection, page, parcel_ids)


def _store(hub: Hub, connection: str, page: Page, parcel_ids: Sequence[int]) -> Mapping[str, int]:
    """Land one answer, then apply it to the parcels that have this number."""
    configured = hub.config.connection(connection)
    file, landed = land(hub, connection, TRACKING, page.observed_at, page.records)
    found = understand(landed, registry.carrier(configured.connector).tracking, configured.settings)
    now = hub.clock.now()

    def store(tx: Transaction) -> Counter[str]:
        mine = Understood(found.good, list(found.failures))  # the next try begins with what was understood
        counts: Counter[str] = Counter(read=1)
        key = connection_id(tx, connection)
        if file:
            record_file(tx, key, file, now)

        def apply(tracking: Tracking) -> list[Outcome]:
            return [apply_tracking(tx, parcel_id, tracking, now) for parcel_id in parcel_ids]

        for outcomes in apply_each(tx, mine, apply):
            counts.update(outcomes)
        keep_failures(tx, key, TRACKING, mine, now)
        counts["quarantined"] = len(mine.failures)
        return counts

    return hub.store.transact(store)


@replays(TRACKING)
def replay_tracking(tx: Transaction, source: Source, records: Sequence[Landed], now: datetime) -> PageCounts:
    """Check that landed answers can be understood, and apply those whose parcel is there.

    An empty store has no parcels: they belong to picklists, which come back from backup.
    """
    found = understand(records, registry.carrier(source.connector).tracking, source.settings)

    def apply(tracking: Tracking) -> Outcome:
        outcomes = [
            apply_tracking(tx, parcel_id, tracking, now)
            for parcel_id in find_parcels(tx, source.connection, tracking.tracking_number)
        ]
        changed = [one for one in outcomes if one is not Outcome.UNCHANGED]
        return changed[0] if changed else Outcome.UNCHANGED

    told = Counter(apply_each(tx, found, apply))
    keep_failures(tx, source.id, TRACKING, found, now)
    return PageCounts(
        records=len(records),
        updated=told[Outcome.UPDATED],
        unchanged=told[Outcome.UNCHANGED],
        stale=told[Outcome.STALE],
        quarantined=len(found.failures),
    )
