"""Bad weather: a seeded share of all calls to a vendor fails, in every way that it is documented to.

Where the ways come from: the vendors' references for what they answer (429 and its signals, 5xx and its
bodies, errors inside HTTP 200, ended tokens); the network for the rest, which every vendor's guide
tells clients to expect.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from sandbox.vendor_answers import VendorAnswer, json_answer


class Mishap(StrEnum):
    """One way for a call to fail."""

    THROTTLED = "throttled"  # the vendor's own "too many requests", with its own signal of how long
    THROTTLED_SILENTLY = "throttled_silently"  # 429 that does not say for how long
    ERROR_500 = "error_500"  # the vendor's own 5xx; a write may have been done or not
    ERROR_502 = "error_502"  # a proxy's page; a write may have been done or not
    ERROR_503 = "error_503"  # maintenance, or a proxy that gave up waiting: without a hint
    ERROR_503_WAIT = "error_503_wait"  # the same with Retry-After
    TIME_OUT = "time_out"  # no answer in time; a write may have been done or not
    LOST = "lost"  # the work is done, the connection ends before the answer
    RESET = "reset"  # the connection is reset in the middle of the body
    CUT = "cut"  # a whole answer that holds half of the JSON
    PAGE = "page"  # HTTP 200 with a page for people
    EXPIRED = "expired"  # access tokens end before their time
    GRAPHQL_ERROR = "graphql_error"  # HTTP 200 with `errors`
    SLOW = "slow"  # the answer takes long, and comes


@dataclass(frozen=True, slots=True)
class Severity:
    """How bad the weather is.

    Attributes:
        rate: The share of calls that something happens to.
        hang_seconds: For how long a call hangs that times out: longer than the client waits.
        slow_seconds: How long a slow answer takes.
        latency_seconds: How long every other answer takes.
    """

    rate: float = 0.0
    hang_seconds: float = 2.0
    slow_seconds: float = 0.2
    latency_seconds: float = 0.0


_NETWORK = {
    **{Mishap.TIME_OUT: 1, Mishap.LOST: 3, Mishap.RESET: 2, Mishap.CUT: 1, Mishap.SLOW: 3},
    **{Mishap.ERROR_500: 3, Mishap.ERROR_502: 2, Mishap.ERROR_503: 2, Mishap.ERROR_503_WAIT: 1},
}
_THROTTLING = {Mishap.THROTTLED: 4, Mishap.THROTTLED_SILENTLY: 1}
MIX: Mapping[str, Mapping[Mishap, int]] = {
    "amazon": {**_NETWORK, **_THROTTLING, Mishap.EXPIRED: 1},
    "easypost": {**_NETWORK, **_THROTTLING},
    "shipbob": {**_NETWORK, **_THROTTLING},
    "shopify": {**_NETWORK, Mishap.THROTTLED: 5, Mishap.GRAPHQL_ERROR: 2},
    "tryton": {**_NETWORK, Mishap.THROTTLED: 1},
    "ups": {**_NETWORK, **_THROTTLING, Mishap.EXPIRED: 1},
    "vendure": {**_NETWORK, Mishap.THROTTLED: 1, Mishap.GRAPHQL_ERROR: 2, Mishap.EXPIRED: 1},
    "woocommerce": {**_NETWORK, **_THROTTLING, Mishap.PAGE: 2},
}
"""How often each way occurs among a vendor's failures. Shopify throttles inside HTTP 200 only; keys that
never expire (Shopify's, WooCommerce's, ShipBob's, Tryton's, EasyPost's) do not."""

MAY_BE_DONE = frozenset(
    {Mishap.ERROR_500, Mishap.ERROR_502, Mishap.ERROR_503, Mishap.ERROR_503_WAIT, Mishap.TIME_OUT}
    | {Mishap.GRAPHQL_ERROR}
)
"""After these a write is done in one half of all cases."""
NEVER_DONE = frozenset({Mishap.THROTTLED_SILENTLY, Mishap.PAGE})
INTERNAL_ERROR = {
    "errors": [{"message": "Internal server error", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}],
    "data": None,
}
HTML = {"Content-Type": "text/html"}
_PAGE = b"<html><body>Briefly unavailable for scheduled maintenance.</body></html>"


class Weather:
    """Draws what happens to each call of one vendor.

    Attributes:
        calls: How many calls there were.
        struck: How often each mishap occurred.
    """

    def __init__(self, vendor: str, severity: Severity, seed: int) -> None:
        mix = MIX[vendor]
        self._mishaps, self._weights = list(mix), list(mix.values())
        self._severity = severity
        self._random = Random(f"{seed}/{vendor}")
        self.calls = 0
        self.struck: Counter[str] = Counter()

    def draw(self) -> tuple[Mishap | None, bool]:
        """What happens to the next call, and whether the vendor does its work all the same."""
        self.calls += 1
        if self._random.random() >= self._severity.rate:
            return None, True
        (mishap,) = self._random.choices(self._mishaps, self._weights)
        self.struck[mishap] += 1
        done = mishap not in NEVER_DONE and (mishap not in MAY_BE_DONE or self._random.random() < 0.5)
        return mishap, done

    def spoil(self, mishap: Mishap | None, answer: VendorAnswer) -> VendorAnswer:
        """What comes over the wire of an answer, and when."""
        spoilt = self._spoilt(mishap, answer)
        if self._severity.latency_seconds and not spoilt.delay:
            return replace(spoilt, delay=self._severity.latency_seconds)
        return spoilt

    def _spoilt(self, mishap: Mishap | None, answer: VendorAnswer) -> VendorAnswer:
        match mishap:
            case Mishap.THROTTLED_SILENTLY:
                return VendorAnswer(429)
            case Mishap.ERROR_500:
                return json_answer({"message": "Internal Server Error"}, 500)
            case Mishap.ERROR_502:
                return VendorAnswer(502, b"<html><body>Bad Gateway</body></html>", HTML)
            case Mishap.ERROR_503:
                return VendorAnswer(503)
            case Mishap.ERROR_503_WAIT:
                return VendorAnswer(503, headers={"Retry-After": "2"})
            case Mishap.PAGE:
                return VendorAnswer(
                    200, b"<html><body>Briefly unavailable for maintenance.</body></html>", HTML
                )
            case Mishap.GRAPHQL_ERROR:
                return json_answer(INTERNAL_ERROR)
            case Mishap.TIME_OUT:
                return replace(answer, lost=True, delay=self._severity.hang_seconds)
            case Mishap.SLOW:
                return replace(answer, delay=self._severity.slow_seconds)
            case Mishap.LOST:
                return replace(answer, lost=True)
            case Mishap.RESET:
                return replace(answer, reset_after=len(answer.body) // 2)
            case Mishap.CUT:
                return replace(answer, body=answer.body[: len(answer.body) // 2])
        return answer
