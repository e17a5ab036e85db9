"""Sends what the outbox holds for one connection.

Rows are claimed with a lease and the claim is committed; each is sent outside any transaction; its outcome,
and what follows from it, is recorded in one transaction, only where the claim is still this sender's. A
process that is killed in between leaves its rows claimed; when the lease has run out they are in doubt.

A row in doubt goes the way that its operation declares (connectors.contract.Safety): sent again where
that does no harm; looked up first, once it has had the time to show; or left to a person.
"""

import logging
from collections import deque
from dataclasses import dataclass, fields, replace
from datetime import timedelta

from sqlalchemy import Connection

from connectors.contract import Outcome, Safety, WriteResult
from connectors.deadline import writes_until
from connectors.errors import (
    AnswerLost,
    ConnectorError,
    CredentialsRejected,
    RateLimited,
    RecordRejected,
    StreamBroken,
    Transient,
)
from normalization.errors import NormalizationError
from order_store.connections import connection_id
from order_store.events import Event, add_events
from order_store.leases import new_owner
from order_store.outbox import OutboxRow, State, claim, postpone, postpone_connection, settle
from order_store.personal import without_words
from pipelines.hub import Hub
from pipelines.services.bodies import Body, DoneAlready, NothingToSend, body_of
from pipelines.services.outcomes import Settled, follow

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
LONGEST_MESSAGE = timedelta(minutes=4)
"""What is left of a lease when a message is begun: longer than nearly all take with what is asked before."""
LONGEST_CALL = timedelta(minutes=1)
"""What is left of a lease when a call is begun that must not be made twice: longer than its time-outs."""
BATCH = 20
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
CREDENTIALS_WAIT = timedelta(minutes=5)
MOST_DOUBTS = 12
"""A message that is in doubt again after so many tries is left to a person."""
_UNEXPECTED = (LookupError, TypeError, ValueError, AttributeError)
"""What a mapping raises on an order that it cannot say, and a connector on an answer of another shape."""


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """What became of the rows that were taken.

    Attributes:
        sent: Rows that the vendor was asked about. Most others count some of them.
        needs_person: In doubt, and not asked about again.
        postponed: To be tried again later: no connection, rate limits, credentials.
        lost: Answered after the claim had run out; whoever has it now records the outcome.
    """

    sent: int = 0
    applied: int = 0
    rejected: int = 0
    unsupported: int = 0
    in_doubt: int = 0
    needs_person: int = 0
    postponed: int = 0
    lost: int = 0

    def plus(self, *names: str) -> "DispatchResult":
        """One more of each of these counts."""
        return replace(self, **{name: getattr(self, name) + 1 for name in names})

    def __add__(self, other: "DispatchResult") -> "DispatchResult":
        return DispatchResult(
            *(getattr(self, one.name) + getattr(other, one.name) for one in fields(DispatchResult))
        )


@dataclass(frozen=True, slots=True)
class _Later:
    """A message without an answer that settles it."""

    error: Exception
    in_doubt: bool


class _PersonNeeded(Exception):
    """The message is in doubt, and neither repeating nor looking up is possible."""


def dispatch(hub: Hub, connection: str, limit: int = 1000) -> DispatchResult:
    """Send what is due to one connection, one message after the other.

    Args:
        hub: The hub.
        connection: A WMS or a channel.
        limit: How many rows to take at most.

    Raises:
        connectors.errors.CredentialsRejected: After what was sent is recorded, and the rest is given back.
        pipelines.problems.ProblemError: If hub.yaml has no such connection.
    """
    return _Sender(hub, connection).run(limit)


class _Sender:
    """One dispatcher's work for one connection."""

    def __init__(self, hub: Hub, connection: str) -> None:
        self._hub = hub
        self._name = connection
        self._connector = hub.connector(connection)
        self._vendor = hub.config.connection(connection).connector
        self._owner = new_owner()
        self._personal: tuple[str, ...] = ()
        self._settle = {name: one.settle for name, one in self._connector.operations.items()}
        with hub.store.read() as tx:
            self._id = connection_id(tx, connection)

    def run(self, limit: int) -> DispatchResult:
        result = DispatchResult()
        taken = 0
        while taken < limit:
            with self._hub.store.begin() as tx:
                rows = claim(
                    tx,
                    self._id,
                    self._owner,
                    self._hub.clock.now(),
                    LEASE,
                    min(BATCH, limit - taken),
                    self._settle,
                )
            if not rows:
                break
            taken += len(rows)
            done, go_on = self._send_all(deque(rows))
            result += done
            if not go_on:
                break
        return result

    def _send_all(self, rows: deque[OutboxRow]) -> tuple[DispatchResult, bool]:
        """Send claimed rows. Whatever is not sent is given back, unless the process dies."""
        result = DispatchResult()
        pause = timedelta()
        try:
            while rows:
                lease_until = rows[0].lease_until
                if lease_until is None or lease_until - self._hub.clock.now() < LONGEST_MESSAGE:
                    break
                row = rows.popleft()
                try:
                    with writes_until(lease_until - LONGEST_CALL):
                        result += self._send(row)
                except RateLimited as error:
                    pause = error.retry_after
                    self._pause(row, error)
                    return result.plus("sent", "postponed"), False
                except CredentialsRejected as error:
                    self._postpone(row, CREDENTIALS_WAIT, error, in_doubt=row.was_in_doubt)
                    raise
            return result, True
        finally:
            for row in rows:
                with self._hub.store.begin() as tx:
                    until = self._hub.clock.now() + pause
                    postpone(tx, row, until, row.reason, in_doubt=row.was_in_doubt, sent_at=None)

    def _send(self, row: OutboxRow) -> DispatchResult:
        """Send one row and record what came of it. Raises RateLimited and CredentialsRejected."""
        digest: str | None = None
        answer: WriteResult | _Later
        self._personal = ()
        try:
            message = self._body(row)
            digest, self._personal = message.digest, message.personal
            answer = self._ask(row, message)
        except RecordRejected as error:
            answer = WriteResult(Outcome.REJECTED, reason=str(error))
        except _PersonNeeded as error:
            return self._leave_to_person(row, str(error))
        except DoneAlready:
            answer = WriteResult(Outcome.APPLIED)
        except NothingToSend as error:
            with self._hub.store.begin() as tx:
                settle(tx, row, State.SUPERSEDED, now=self._hub.clock.now(), reason=str(error))
            return DispatchResult()
        except (AnswerLost, StreamBroken, *_UNEXPECTED) as error:
            if row.attempts >= MOST_DOUBTS:
                return self._leave_to_person(row, f"in doubt after {row.attempts + 1} tries: {_named(error)}")
            answer = _Later(error, in_doubt=True)
        except Transient as error:
            answer = _Later(error, in_doubt=row.was_in_doubt)
        if isinstance(answer, _Later):
            return self._try_later(row, answer)
        return self._record(row, answer, digest)

    def _body(self, row: OutboxRow) -> Body:
        try:
            with self._hub.store.read() as tx:
                return body_of(tx, self._vendor, row)
        except _UNEXPECTED as error:
            if row.was_in_doubt:
                why = f"it may have been done, and cannot be made again: {_named(error)}"
                raise _PersonNeeded(why) from error
            raise RecordRejected(f"it cannot be put into the vendor's form: {_named(error)}") from error

    def _ask(self, row: OutboxRow, message: Body) -> WriteResult:
        operation = self._connector.operations.get(row.operation)
        if operation is None:
            return WriteResult(Outcome.UNSUPPORTED, reason=f"{self._vendor} has no {row.operation}")
        if row.was_in_doubt and operation.safety is Safety.AT_MOST_ONCE:
            raise _PersonNeeded("it may have been done, and the vendor offers no way to find out")
        if row.was_in_doubt and operation.safety is Safety.LOOK_UP:
            try:
                found = self._connector.look_up(row.operation, message.body, row.reference)
            except RecordRejected as error:
                raise _PersonNeeded(f"it may have been done, and cannot be looked up: {error}") from error
            if found is not None:
                return found
        return self._connector.write(row.operation, message.body, row.reference)

    def _record(self, row: OutboxRow, answer: WriteResult, digest: str | None) -> DispatchResult:
        now = self._hub.clock.now()
        answer = replace(answer, reason=self._kept(answer.reason)) if answer.reason else answer
        state = State(answer.outcome.value)

        def record(tx: Connection) -> bool:
            own = settle(tx, row, state, now=now, vendor_ref=answer.vendor_ref, reason=answer.reason)
            if own:
                follow(tx, Settled(row, answer, self._name, digest, now))
            return own

        own = self._hub.store.transact(record)
        return DispatchResult().plus("sent", answer.outcome.value if own else "lost")

    def _leave_to_person(self, row: OutboxRow, why: str) -> DispatchResult:
        now, why = self._hub.clock.now(), self._kept(why)
        with self._hub.store.begin() as tx:
            own = settle(tx, row, State.NEEDS_PERSON, now=now, reason=why)
            if own:
                detail = {"operation": row.operation, "reference": row.reference}
                add_events(tx, [Event(row.order_id, now, "person_needed", self._name, why, detail)])
        return DispatchResult().plus("needs_person" if own else "lost")

    def _try_later(self, row: OutboxRow, later: _Later) -> DispatchResult:
        wait = min(FIRST_WAIT * 2 ** min(row.attempts, 20), LONGEST_WAIT)
        if later.in_doubt:
            wait = max(wait, self._settle.get(row.operation, timedelta()))
        own = self._postpone(row, wait, later.error, in_doubt=later.in_doubt)
        name = "in_doubt" if later.in_doubt else "postponed"
        return DispatchResult().plus("sent", name if own else "lost")

    def _postpone(self, row: OutboxRow, wait: timedelta, error: Exception, *, in_doubt: bool) -> bool:
        reason = self._kept(_named(error))
        log.warning("%s: %s %s waits %s: %s", self._name, row.operation, row.reference, wait, reason)
        with self._hub.store.begin() as tx:
            now = self._hub.clock.now()
            return postpone(tx, row, now + wait, reason, in_doubt=in_doubt, sent_at=now)

    def _kept(self, words: str) -> str:
        """What may be kept of a vendor's words: it may quote whom the message was about."""
        return without_words(words, self._personal)

    def _pause(self, row: OutboxRow, error: RateLimited) -> None:
        """The vendor asks everybody to wait."""
        self._postpone(row, error.retry_after, error, in_doubt=row.was_in_doubt)
        with self._hub.store.begin() as tx:
            postpone_connection(tx, self._id, self._hub.clock.now() + error.retry_after)


def _named(error: Exception) -> str:
    """An error's kind and, where its words are the hub's own and name nobody, its words."""
    own = isinstance(error, ConnectorError | NormalizationError)
    return f"{type(error).__name__}: {error}" if own else type(error).__name__
