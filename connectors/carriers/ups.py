"""UPS Tracking API v1: one call a tracking number, OAuth client credentials."""

import uuid
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import ClassVar
from urllib.parse import quote

from connectors.auth import TokenAuth, basic, bearer
from connectors.contract import (
    Json,
    Operation,
    Outcome,
    Page,
    RawRecord,
    ReadMode,
    Stream,
    Window,
    WriteResult,
)
from connectors.errors import RecordMissing, StreamBroken
from connectors.http import Request, Transport
from connectors.runtime import Rate, Runtime, Token

RATES = {"default": Rate(per_second=10, burst=20)}
"""UPS publishes no figure; this is ours, and a 429 slows everybody down further."""


class Ups:
    """One UPS developer application."""

    settings: ClassVar[Mapping[str, str]] = {
        "base_url": "UPS's address: https://onlinetools.ups.com, or https://wwwcie.ups.com for tests"
    }
    optional_settings: ClassVar[Mapping[str, str]] = {}
    secrets: ClassVar[Mapping[str, str]] = {
        "client_id": "the application's client id (developer.ups.com, Apps)",
        "client_secret": "the application's client secret",
    }
    streams: ClassVar[Mapping[str, Stream]] = {"tracking": Stream("tracking", ReadMode.BY_KEY, "tracking")}
    operations: ClassVar[Mapping[str, Operation]] = {}

    def __init__(
        self, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
    ) -> None:
        self.connection = connection
        self._runtime = runtime
        pacer = runtime.pacer_for(connection, RATES)
        self._tokens = Transport(
            connection,
            settings["base_url"],
            runtime,
            pacer=pacer,
            auth=basic(secrets["client_id"], secrets["client_secret"]),
        )
        self._transport = Transport(
            connection,
            settings["base_url"],
            runtime,
            pacer=pacer,
            auth=TokenAuth(f"{connection}/access", runtime, self._fetch_token, bearer),
        )

    def read(self, stream: str, window: Window, bookmark: str | None = None) -> Iterator[Page]:
        """Parcels are read by tracking number only. Raises ValueError."""
        raise ValueError(f"{self.connection}: {stream} is read one by one, by tracking number")

    def read_one(self, stream: str, external_id: str) -> Page:
        """Everything UPS knows of a tracking number.

        Raises:
            RecordMissing: If UPS knows nothing of it: a 404, or an answer of warnings only.
            RecordRejected: If it is no UPS number.
        """
        answer = self._transport.send(
            Request(
                "GET",
                f"/api/track/v1/details/{quote(external_id, safe='')}",
                params={"locale": "en_US", "returnSignature": "false"},
                # Both are required (Tracking.yaml); transId is unique to the request.
                headers={"transId": uuid.uuid4().hex, "transactionSrc": "orderhub"},
            )
        )
        try:
            shipments = answer.json()["trackResponse"]["shipment"]
        except (KeyError, TypeError) as error:
            raise StreamBroken(f"{self.connection}: the answer has no trackResponse.shipment") from error
        if not any(shipment.get("package") for shipment in shipments):
            raise RecordMissing(f"{self.connection}: UPS knows nothing of this number yet")
        record = RawRecord(external_id, answer.body)
        return Page("tracking", (record,), answer.observed_at, answer.vendor_time)

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        """There is nothing to write."""
        return WriteResult(Outcome.UNSUPPORTED, reason=f"UPS Tracking knows no {operation}")

    def look_up(self, operation: str, body: Json, reference: str) -> WriteResult | None:
        """There is nothing to look up."""
        return None

    def _fetch_token(self) -> Token:
        answer = self._tokens.send(
            Request(
                "POST",
                "/security/v1/oauth/token",
                form={"grant_type": "client_credentials"},
                repeatable=True,
            )
        )
        grant = answer.json()
        # `expires_in` is a string of seconds (OAuthClientCredentials.yaml).
        expires_at = answer.observed_at + timedelta(seconds=int(grant["expires_in"]))
        return Token(grant["access_token"], expires_at)
