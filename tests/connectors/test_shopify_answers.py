"""Each way in which Shopify says no, and what is to be done about it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors.channels.shopify_answers import QueryTooCostly, mutation_error, query_error
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
from connectors.http import Answer


def answer(status: int, body: object, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps(body).encode(), datetime(2026, 10, 1, tzinfo=UTC))


def coded(code: str, **extensions: object) -> Answer:
    error = {"message": "Because.", "extensions": {"code": code}}
    return answer(200, {"errors": [error], "data": None, "extensions": extensions})


@pytest.mark.parametrize(
    ("told", "of_query", "of_mutation"),
    [
        (coded("THROTTLED"), RateLimited, RateLimited),
        (coded("ACCESS_DENIED"), PermissionMissing, PermissionMissing),
        (coded("MAX_COST_EXCEEDED"), QueryTooCostly, QueryTooCostly),
        (coded("INTERNAL_SERVER_ERROR"), Transient, AnswerLost),
        (coded("undefinedField"), StreamBroken, RecordRejected),
        (answer(402, {"errors": "Payment Required"}), CredentialsRejected, CredentialsRejected),
        (answer(423, {"errors": "Locked"}), CredentialsRejected, CredentialsRejected),
        (answer(404, {"errors": "Not Found"}), StreamBroken, StreamBroken),
        (answer(430, {"errors": "Security"}), RateLimited, RateLimited),
        (answer(200, {"errors": "Something"}), StreamBroken, StreamBroken),
    ],
)
def test_an_error_has_its_class(
    told: Answer, of_query: type[ConnectorError], of_mutation: type[ConnectorError]
) -> None:
    assert type(query_error(told)) is of_query
    assert type(mutation_error(told)) is of_mutation


def test_data_is_no_error() -> None:
    for told in (answer(200, {"data": {}}), answer(200, {"data": {"note": '"errors"'}}), answer(500, "")):
        assert query_error(told) is None


def test_the_wait_is_what_the_missing_points_take_to_come_back() -> None:
    status = {"maximumAvailable": 2000, "currentlyAvailable": 50, "restoreRate": 100}
    cost = {"requestedQueryCost": 300, "actualQueryCost": None, "throttleStatus": status}
    error = query_error(coded("THROTTLED", cost=cost))
    assert isinstance(error, RateLimited)
    assert error.retry_after == timedelta(seconds=2.5)
