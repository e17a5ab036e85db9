"""The one way out to a vendor: requests, with time-outs always and retries only where they are safe.

Retry policy, for a call that may be repeated (a read, or a write that the caller declares `repeatable`
because it carries an idempotency key or sets a value):

| situation                                  | what happens                                             |
|--------------------------------------------|----------------------------------------------------------|
| connection refused, DNS, connect time-out  | retried, reads and writes alike: nothing was sent        |
| a certificate that does not verify         | retried, reads and writes alike: nothing was sent        |
| no answer after sending, TLS broken off    | repeatable: retried; else AnswerLost                     |
| 429                                        | all callers pause; retried if short, else RateLimited    |
| 503 with Retry-After                       | all callers pause; repeatable: as 429; else AnswerLost   |
| other 5xx                                  | repeatable: retried; else AnswerLost                     |
| the caller's time to begin a write is over | TooLate, unless the call is repeatable: nothing was sent |
| 401                                        | the token is renewed once, then CredentialsRejected      |
| 403                                        | PermissionMissing                                        |
| 404                                        | RecordMissing                                            |
| 3xx                                        | StreamBroken: credentials follow no redirect             |
| other 4xx                                  | RecordRejected                                           |
| an answer too large, or too slow in coming | a read: StreamBroken; a write: AnswerLost                |

TLS certificates are always verified (`ca_bundle` names another authority, nothing turns it off). Nothing is
taken from the environment: no proxy, no .netrc. An answer's error body loses the secrets that it repeats.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from hashlib import sha256
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
import tenacity

from connectors.auth import Auth, NoAuth
from connectors.contract import RawRecord
from connectors.deadline import is_too_late
from connectors.errors import (
    AnswerLost,
    ConnectorError,
    CredentialsRejected,
    PermissionMissing,
    RateLimited,
    RecordMissing,
    RecordRejected,
    StreamBroken,
    TooLate,
    Transient,
)
from connectors.excerpts import excerpt, is_cut, restored
from connectors.runtime import Pacer, Runtime

log = logging.getLogger(__name__)

SHORT_WAIT = timedelta(seconds=20)
"""The longest pause that a call sleeps through by itself; a longer one is the caller's to plan."""

READ_SIZE = 1 << 20
"""Bytes of an answer that are read at once, at most."""
LARGEST_ANSWER = 64 << 20
"""Bytes of an answer, unpacked: 60 times the largest page of orders seen, and no memory's end."""
LONGEST_ANSWER = 120.0
"""Seconds in which an answer has to be complete; the time-out of a call counts silence only."""
LONGEST_PAUSE = timedelta(days=1)
"""The longest pause that a vendor can impose."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call, before authentication. `path` follows the connection's base URL: no call goes elsewhere.

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
    """What came back, with the moment at which it was asked for.

    Attributes:
        cuts: Of a `mended` answer, what stood in its body where nothing could be read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    observed_at: datetime
    cuts: Mapping[bytes, bytes] = field(default_factory=dict)

    @property
    def vendor_time(self) -> datetime | None:
        """The Date header, aware UTC."""
        stamp = self.headers.get("Date")
        if not stamp:
            return None
        return http_date(stamp)

    def json(self) -> Any:  # noqa: ANN401 -- a vendor's JSON can be anything
        """The decoded body; numbers with a fraction come as Decimal.

        Raises:
            StreamBroken: If the body is no JSON (a proxy's HTML page, a half answer).
        """
        try:
            return DECODER.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InvalidOperation) as error:
            kind = self.headers.get("Content-Type", "no content type")
            raise StreamBroken(f"answer is no JSON ({kind[:80]!r}, {len(self.body)} bytes)") from error

    def mended(self) -> "Answer":
        """The answer, readable but for single values, for pages: a record must not take its page with it.

        Make the page's records with `record`, which puts those values back.
        """
        made = excerpt(self.body)
        return self if made is None else replace(self, body=made.body, cuts=made.cuts)

    def record(self, external_id: str | None, payload: bytes) -> RawRecord:
        """A record of this answer, whole. Without a readable id it lands under its digest: it is not lost."""
        payload = restored(payload, self.cuts)
        if not external_id or is_cut(external_id):
            external_id = f"unidentified-{sha256(payload).hexdigest()[:16]}"
        return RawRecord(external_id, payload)


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
        elif _asks_to_wait(answer):
            pause = retry_after(answer, self._runtime.clock.now())
            self._pacer.pause(request.bucket, pause.total_seconds())
        raise error

    def _exchange(self, request: Request, repeatable: bool) -> Answer:
        self._pacer.acquire(request.bucket, request.cost)
        url = f"{self._base}{request.path}"
        headers = {"Accept": "application/json", "User-Agent": "orderhub/0.1", **request.headers}
        body: bytes | None = None
        if request.json is not None:
            body = msgspec.json.encode(request.json)
            headers.setdefault("Content-Type", "application/json")
        credentials = self._auth.headers()
        for value in credentials.values():
            self._runtime.redactor.learn_header(value)
        headers |= credentials
        observed_at = self._runtime.clock.now()
        place = f"{self.connection}: {request.method} {request.path.split('?')[0]}"
        if not repeatable and is_too_late(observed_at):
            raise TooLate(f"{place}: not begun, what came before it took too long")
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
            with response:
                content = self._content(response, place, repeatable)
        except requests.ConnectTimeout:
            raise Transient(f"{place}: no connection in time") from None
        except requests.ConnectionError as error:  # TLS errors are among them
            if not repeatable and not _was_refused(error):
                raise AnswerLost(f"{place}: connection lost, the write may have been done") from None
            raise Transient(f"{place}: connection failed ({type(error).__name__})") from None
        except requests.RequestException as error:
            if not repeatable:
                raise AnswerLost(f"{place}: no answer, the write may have been done") from None
            raise Transient(f"{place}: no answer ({type(error).__name__})") from None
        log.debug("%s -> %s", place, response.status_code)
        if response.status_code >= 300:
            content = self._runtime.redactor.clean_bytes(content)
        return Answer(response.status_code, response.headers, content, observed_at)

    def _content(self, response: requests.Response, place: str, repeatable: bool) -> bytes:
        """The body, unpacked, as far as it may go."""
        parts: list[bytes] = []
        size, began = 0, time.monotonic()
        # `.content` would read 10 KiB at a time: 25 rounds for a page of orders.
        for part in response.iter_content(READ_SIZE):
            parts.append(part)
            size += len(part)
            slow = time.monotonic() - began > LONGEST_ANSWER
            if size > LARGEST_ANSWER or slow:
                told = f"{place}: the answer is {'too slow' if slow else f'over {LARGEST_ANSWER >> 20} MiB'}"
                if repeatable:
                    raise StreamBroken(told)
                raise AnswerLost(f"{told}, the write may have been done")
        return b"".join(parts)

    def _common_error(self, answer: Answer, request: Request, repeatable: bool) -> ConnectorError | None:
        status = answer.status
        if status < 300:
            return None
        place = f"{self.connection}: {request.method} {request.path.split('?')[0]} answered {status}"
        if status < 400:
            target = urlsplit(answer.headers.get("Location", "")).hostname or "nowhere"
            return StreamBroken(f"{place}, to {target}: write the final address into base_url")
        if status == 429 or (repeatable and _asks_to_wait(answer)):
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


def _asks_to_wait(answer: Answer) -> bool:
    """Whether it is a 503 that says for how long. A proxy may say so of what its server has done."""
    return answer.status == 503 and "Retry-After" in answer.headers


def retry_after(answer: Answer, now: datetime, default: float = 2.0) -> timedelta:
    """The pause that Retry-After (seconds or a date) asks for, a quarter of a second to a day."""
    stamp = answer.headers.get("Retry-After", "")
    try:
        seconds = float(stamp)
    except ValueError:
        until = http_date(stamp)
        seconds = default if until is None else (until - (answer.vendor_time or now)).total_seconds()
    if not isfinite(seconds):
        seconds = default
    return min(timedelta(seconds=max(min(seconds, 1e6), 0.25)), LONGEST_PAUSE)


def http_date(stamp: str) -> datetime | None:
    """A header's date (RFC 9110), aware UTC; None if it is none."""
    try:
        moment = parsedate_to_datetime(stamp)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _may_retry(error: BaseException) -> bool:
    if isinstance(error, RateLimited):
        return error.retry_after <= SHORT_WAIT
    if isinstance(error, AnswerLost | TooLate):
        return False
    return isinstance(error, Transient)


_backoff = tenacity.wait_exponential_jitter(multiplier=0.2, max=10, jitter=0.3)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RateLimited):
        return error.retry_after.total_seconds()
    return _backoff(state)


def _was_refused(error: requests.ConnectionError) -> bool:
    """Whether the connection never came about, so that nothing can have been sent.

    Of TLS errors only a refused certificate tells so: any other may come with the answer.
    """
    text = repr(error)
    told = ("NewConnectionError", "NameResolutionError", "Connection refused", "CERTIFICATE_VERIFY_FAILED")
    return any(one in text for one in told)
