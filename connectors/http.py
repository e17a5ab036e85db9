"""The one way out to a vendor: requests, with time-outs always and retries only where they are safe.

Retry policy, for a call that may be repeated (a read, or a write that the caller declares `repeatable`
because it carries an idempotency key or sets a value):

| situation                                  | what happens                                             |
|--------------------------------------------|----------------------------------------------------------|
| connection refused, DNS, connect time-out  | retried, reads and writes alike: nothing was sent        |
| no answer after sending                    | repeatable: retried; else AnswerLost                     |
| 429, or 503 with Retry-After               | all callers pause; retried if short, else RateLimited    |
| other 5xx                                  | repeatable: retried; else AnswerLost                     |
| 401                                        | the token is renewed once, then CredentialsRejected      |
| 403                                        | PermissionMissing                                        |
| 404                                        | RecordMissing                                            |
| other 4xx                                  | RecordRejected                                           |
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import requests
import tenacity

from connectors.auth import Auth, NoAuth
from connectors.errors import (
    AnswerLost,
    ConnectorError,
    CredentialsRejected,
    PermissionMissing,
    RateLimited,
    RecordMissing,
    RecordRejected,
    StreamBroken,
    Transient,
)
from connectors.runtime import Pacer, Runtime

log = logging.getLogger(__name__)

SHORT_WAIT = timedelta(seconds=20)
"""The longest pause that a call sleeps through by itself; a longer one is the caller's to plan."""

READ_SIZE = 1 << 20
"""Bytes of an answer that are read at once, at most."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call, before authentication. `path` is relative to the connection's base URL, or absolute.

    Attributes:
        repeatable: Whether sending it twice does no harm. GET always is.
        cost: Units that it takes from the pacing bucket `bucket`.
    """

    method: str
    path: str
    params: Mapping[str, str | Sequence[str]] | None = None
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False
    bucket: str = "default"
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, with the moment at which it was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    observed_at: datetime

    @property
    def vendor_time(self) -> datetime | None:
        """The Date header, aware UTC."""
        stamp = self.headers.get("Date")
        if not stamp:
            return None
        try:
            return parsedate_to_datetime(stamp).astimezone(UTC)
        except ValueError:
            return None

    def json(self) -> Any:  # noqa: ANN401 -- a vendor's JSON can be anything
        """The decoded body; numbers with a fraction come as Decimal.

        Raises:
            StreamBroken: If the body is no JSON (a proxy's HTML page, a half answer).
        """
        try:
            return DECODER.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            kind = self.headers.get("Content-Type", "no content type")
            raise StreamBroken(f"answer is no JSON ({kind}, {len(self.body)} bytes)") from error


DECODER = msgspec.json.Decoder(float_hook=Decimal)

Classify = Callable[[Answer], ConnectorError | None]
"""A vendor's own reading of an answer; None leaves it to the common table."""


class Transport:
    """Sends requests of one connection."""

    def __init__(
        self,
        connection: str,
        base_url: str,
        runtime: Runtime,
        *,
        pacer: Pacer,
        auth: Auth | None = None,
        classify: Classify | None = None,
        attempts: int = 5,
    ) -> None:
        self.connection = connection
        self._base = base_url.rstrip("/")
        self._runtime = runtime
        self._pacer = pacer
        self._auth = auth or NoAuth()
        self._classify = classify
        self._attempts = attempts
        self._session = requests.Session()
        self._session.trust_env = False
        if runtime.ca_bundle:
            self._session.verify = str(runtime.ca_bundle)

    def send(self, request: Request) -> Answer:
        """Send a request, with retries where they are safe.

        Raises:
            ConnectorError: One of connectors.errors, by the table above.
        """
        repeatable = request.repeatable or request.method == "GET"
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=_wait,
            retry=tenacity.retry_if_exception(_may_retry),
            sleep=self._runtime.clock.sleep,
            reraise=True,
        )
        return retrying(self._send_once, request, repeatable)

    def _send_once(self, request: Request, repeatable: bool) -> Answer:
        answer = self._exchange(request, repeatable)
        if answer.status == 401 and self._auth.renew():
            answer = self._exchange(request, repeatable)
        error = self._classify(answer) if self._classify else None
        error = error or self._common_error(answer, request, repeatable)
        if error is None:
            return answer
        if isinstance(error, RateLimited):
            self._pacer.pause(request.bucket, error.retry_after.total_seconds())
        raise error

    def _exchange(self, request: Request, repeatable: bool) -> Answer:
        self._pacer.acquire(request.bucket, request.cost)
        url = request.path if "://" in request.path else f"{self._base}{request.path}"
        headers = {"Accept": "application/json", "User-Agent": "orderhub/0.1", **request.headers}
        body: bytes | None = None
        if request.json is not None:
            body = msgspec.json.encode(request.json)
            headers.setdefault("Content-Type", "application/json")
        headers |= self._auth.headers()
        observed_at = self._runtime.clock.now()
        place = f"{self.connection}: {request.method} {request.path.split('?')[0]}"
        try:
            response = self._session.request(
                request.method,
                url,
                params=request.params,
                data=body if body is not None else request.form,
                headers=headers,
                timeout=self._runtime.call_timeout,
                allow_redirects=False,
                stream=True,
            )
            # `.content` would read 10 KiB at a time: 25 rounds for a page of orders.
            content = b"".join(response.iter_content(READ_SIZE))
        except (requests.ConnectTimeout, requests.exceptions.SSLError) as error:
            raise Transient(f"{place}: no connection ({type(error).__name__})") from error
        except requests.ConnectionError as error:
            if not repeatable and not _was_refused(error):
                raise AnswerLost(f"{place}: connection lost, the write may have been done") from error
            raise Transient(f"{place}: connection failed ({type(error).__name__})") from error
        except requests.RequestException as error:
            if not repeatable:
                raise AnswerLost(f"{place}: no answer, the write may have been done") from error
            raise Transient(f"{place}: no answer ({type(error).__name__})") from error
        log.debug("%s -> %s", place, response.status_code)
        return Answer(response.status_code, response.headers, content, observed_at)

    def _common_error(self, answer: Answer, request: Request, repeatable: bool) -> ConnectorError | None:
        status = answer.status
        if status < 300:
            return None
        place = f"{self.connection}: {request.method} {request.path.split('?')[0]} answered {status}"
        if status == 429 or (status == 503 and "Retry-After" in answer.headers):
            return RateLimited(place, retry_after(answer, self._runtime.clock.now()))
        if status >= 500:
            return Transient(place) if repeatable else AnswerLost(place)
        if status == 401:
            return CredentialsRejected(f"{place}: check the connection's credentials")
        if status == 403:
            return PermissionMissing(f"{place}: the credentials lack a right for this call")
        if status == 404:
            return RecordMissing(place)
        return RecordRejected(place)


def retry_after(answer: Answer, now: datetime, default: float = 2.0) -> timedelta:
    """The pause that Retry-After (seconds or a date) asks for, at least a quarter of a second."""
    stamp = answer.headers.get("Retry-After", "")
    try:
        seconds = float(stamp)
    except ValueError:
        try:
            base = answer.vendor_time or now
            seconds = (parsedate_to_datetime(stamp).astimezone(UTC) - base).total_seconds()
        except (ValueError, TypeError):
            seconds = default
    return timedelta(seconds=max(seconds, 0.25))


def _may_retry(error: BaseException) -> bool:
    if isinstance(error, RateLimited):
        return error.retry_after <= SHORT_WAIT
    if isinstance(error, AnswerLost):
        return False
    return isinstance(error, Transient)


_backoff = tenacity.wait_exponential_jitter(multiplier=0.2, max=10, jitter=0.3)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RateLimited):
        return error.retry_after.total_seconds()
    return _backoff(state)


def _was_refused(error: requests.ConnectionError) -> bool:
    """Whether the connection never came about, so that nothing can have been sent."""
    text = repr(error)
    return "NewConnectionError" in text or "NameResolutionError" in text or "Connection refused" in text
