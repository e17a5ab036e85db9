"""How Shopify says no: inside an HTTP 200 as often as by status (shopify.dev, "API response status codes").

| answer                                        | error                                          |
|-----------------------------------------------|------------------------------------------------|
| 200, code THROTTLED                           | RateLimited, for as long as the cost needs     |
| 200, code ACCESS_DENIED                       | PermissionMissing with Shopify's sentence      |
| 200, code MAX_COST_EXCEEDED                   | QueryTooCostly: ask for fewer records          |
| 200, INTERNAL_SERVER_ERROR or TIMEOUT         | Transient; AnswerLost after a mutation         |
| 200, other errors                             | StreamBroken; RecordRejected after a mutation  |
| 402 frozen, 423 locked                        | CredentialsRejected: the shop's owner must act |
| 430                                           | RateLimited                                    |
| 404                                           | StreamBroken: no such shop or API version      |
"""

from datetime import timedelta

import msgspec

from connectors.errors import (
    AnswerLost,
    ConnectorError,
    CredentialsRejected,
    PermissionMissing,
    RateLimited,
    RecordRejected,
    StreamBroken,
    Transient,
)
from connectors.http import Answer, retry_after

UNPLANNED_WAIT = timedelta(seconds=2)
"""The pause after a THROTTLED answer that states no cost."""


class QueryTooCostly(StreamBroken):
    """The query's cost is above what Shopify allows for one query."""


class ThrottleStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The bucket of cost points."""

    maximum_available: float = 0
    currently_available: float = 0
    restore_rate: float = 0


class Cost(msgspec.Struct, frozen=True, rename="camel"):
    """What a query costs and what is left, in cost points."""

    requested_query_cost: float = 0
    actual_query_cost: float | None = None
    throttle_status: ThrottleStatus = ThrottleStatus()

    def wait(self) -> timedelta:
        """How long until the bucket holds enough to ask the same again; zero if it does already."""
        status = self.throttle_status
        missing = self.requested_query_cost - status.currently_available
        if missing <= 0 or status.restore_rate <= 0:
            return timedelta()
        return timedelta(seconds=missing / status.restore_rate)


class Extensions(msgspec.Struct, frozen=True):
    """What Shopify adds to an answer, or to one of its errors."""

    cost: Cost | None = None
    code: str | None = None


class TopLevelError(msgspec.Struct, frozen=True):
    """One entry of `errors`."""

    message: str = ""
    extensions: Extensions = Extensions()


class Envelope(msgspec.Struct, frozen=True):
    """An answer, its data not yet decoded."""

    data: msgspec.Raw = msgspec.Raw()
    errors: list[TopLevelError] | str | None = None
    extensions: Extensions = Extensions()


_ENVELOPE = msgspec.json.Decoder(Envelope)


def envelope(answer: Answer) -> Envelope:
    """The answer's outer shape.

    Raises:
        StreamBroken: If it has another.
    """
    try:
        return _ENVELOPE.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StreamBroken(f"answer of {len(answer.body)} bytes is no GraphQL answer") from error


def query_error(answer: Answer) -> ConnectorError | None:
    """The error in the answer to a query, if there is one of Shopify's own."""
    return _error(answer, mutation=False)


def mutation_error(answer: Answer) -> ConnectorError | None:
    """The error in the answer to a mutation, if there is one of Shopify's own."""
    return _error(answer, mutation=True)


def _error(answer: Answer, *, mutation: bool) -> ConnectorError | None:
    if answer.status in (402, 423):
        return CredentialsRejected(f"Shopify answered {answer.status}: the shop is frozen or locked")
    if answer.status == 404:
        return StreamBroken("Shopify answered 404: check base_url and api_version")
    if answer.status == 430:
        return RateLimited("Shopify answered 430", retry_after(answer, answer.observed_at, default=60.0))
    if answer.status != 200 or b'"errors"' not in answer.body:
        return None
    told = envelope(answer if mutation else answer.mended())  # an order may hold that word too
    if not told.errors:
        return None
    if isinstance(told.errors, str):
        return StreamBroken(f"Shopify: {told.errors}")
    codes = {error.extensions.code for error in told.errors}
    text = "; ".join(dict.fromkeys(error.message for error in told.errors))
    if "THROTTLED" in codes:
        wait = told.extensions.cost.wait() if told.extensions.cost else UNPLANNED_WAIT
        return RateLimited("Shopify throttles", max(wait, timedelta(seconds=0.25)))
    if "ACCESS_DENIED" in codes:
        return PermissionMissing(f"Shopify: {text}")
    if "MAX_COST_EXCEEDED" in codes:
        return QueryTooCostly(f"Shopify: {text}")
    if codes & {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
        return (AnswerLost if mutation else Transient)("Shopify failed inside")
    return RecordRejected(f"Shopify: {text}") if mutation else StreamBroken(f"Shopify: {text}")
