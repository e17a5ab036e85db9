"""Tryton's REST protocol (trytond 8.2, user application "rest").

Domains, orders and the context travel as base64url JSON; fields may follow relations with dots; dates,
times and decimals are objects with `__class__`. Times are UTC without a zone.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.contract import Json
from connectors.errors import ConnectorError, RecordRejected, Transient
from connectors.http import Answer, Request, Transport

REASON_LENGTH = 300


def packed(value: Json) -> str:
    """Base64url JSON, as domains, orders and contexts are sent."""
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode()


def timestamp(moment: datetime) -> Json:
    """A time as Tryton's JSON has it."""
    moment = moment.astimezone(UTC)
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime"} | {part: getattr(moment, part) for part in parts}


def refusal(answer: Answer) -> ConnectorError | None:
    """Tryton's own reading of an answer: what it refuses, with its words; 409 is a lost race, undone."""
    if answer.status == 409:
        return Transient("Tryton was writing the same record for somebody else")
    if answer.status != 400:
        return None
    try:
        message = str(msgspec.json.decode(answer.body)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return None
    return RecordRejected(message[:REASON_LENGTH])


class Rest:
    """The calls of one database. Every record that comes back holds its `id`."""

    def __init__(self, transport: Transport, database: str, company: int) -> None:
        self._transport = transport
        self._root = f"/{database}/rest/model"
        self._company = company

    def search(
        self,
        model: str,
        domain: Json,
        fields: Sequence[str],
        *,
        limit: int | None = None,
        context: Mapping[str, Json] | None = None,
        mended: bool = False,
    ) -> tuple[Answer, list[Any]]:
        """The records of a domain, in the order of their ids; `mended` if they are to land."""
        params: dict[str, str | Sequence[str]] = {
            "d": packed(domain),
            "o": packed([["id", "ASC"]]),
            "f": fields,
        }
        if limit is not None:
            params["s"] = str(limit)
        answer = self._send(Request("GET", f"{self._root}/{model}", params, headers=self._headers(context)))
        answer = answer.mended() if mended else answer
        return answer, answer.json()

    def get(
        self, model: str, record: int, fields: Sequence[str], *, mended: bool = False
    ) -> tuple[Answer, Any]:
        """One record; `mended` if it is to land. Raises RecordMissing."""
        path = f"{self._root}/{model}/{record}"
        answer = self._send(Request("GET", path, {"f": fields}, headers=self._headers()))
        answer = answer.mended() if mended else answer
        return answer, answer.json()

    def create(self, model: str, values: Json) -> int:
        """Make a record; its id."""
        path = f"{self._root}/{model}"
        made = self._send(Request("POST", path, json=values, headers=self._headers())).json()
        return int(made["id"])

    def update(self, model: str, record: int, values: Json) -> None:
        """Set values of a record."""
        path = f"{self._root}/{model}/{record}"
        self._send(Request("PUT", path, json=values, headers=self._headers()))

    def press(self, model: str, record: int, button: str) -> None:
        """Call a button of a record: "wait", "assign_try", "cancel"."""
        path = f"{self._root}/{model}/{record}/{button}"
        self._send(Request("POST", path, json={}, headers=self._headers()))

    def _send(self, request: Request) -> Answer:
        return self._transport.send(request)

    def _headers(self, context: Mapping[str, Json] | None = None) -> Mapping[str, str]:
        """Warnings are for people at a screen; unless skipped they answer 400."""
        return {
            "X-Tryton-Context": packed({"company": self._company, "_skip_warnings": True, **(context or {})})
        }
