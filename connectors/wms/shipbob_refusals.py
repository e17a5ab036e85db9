"""Why ShipBob refused, in its own words but without the buyer's."""

from collections.abc import Iterator
from typing import Any

from connectors.contract import Json
from connectors.errors import StreamBroken
from connectors.http import Answer

PUBLIC = {"country", "country_code", "state", "type"}
"""Fields of an address that say nothing about a person."""


def reason_of(answer: Answer, sent: Json) -> str:
    """The reason in an error answer, with everything personal that was sent taken out of it.

    ShipBob's validation answers quote what they refuse. The forms are {field: [sentences]},
    {"code", "message"} and {"error": {"code", "message"}} (openapi-2026-01.json).
    """
    try:
        body = answer.json()
    except StreamBroken:
        return f"refused with {answer.status}, no reason given"
    texts = [text for text in _texts(body) if text]
    reason = "; ".join(texts) or f"refused with {answer.status}, no reason given"
    for secret in sorted(set(_personal(sent)), key=len, reverse=True):
        reason = reason.replace(secret, "[...]")
    return reason[:500]


def _texts(body: Any) -> Iterator[str]:  # noqa: ANN401 -- a vendor's JSON
    if isinstance(body, str):
        yield body
    elif isinstance(body, list):
        for part in body:
            yield from _texts(part)
    elif isinstance(body, dict):
        inner = body.get("error")
        error: dict[str, Any] = inner if isinstance(inner, dict) else body
        if "message" in error:
            yield " ".join(str(error[key]) for key in ("code", "message") if error.get(key))
            return
        for field, sentences in error.items():
            if field in ("id", "is_success"):
                continue
            yield f"{field}: {', '.join(_texts(sentences))}"


def _personal(sent: Any) -> Iterator[str]:  # noqa: ANN401 -- a request of any shape
    """All texts of the recipient or address that was sent."""
    if not isinstance(sent, dict):
        return
    holder = sent.get("recipient") or sent
    for key, value in holder.items():
        if key == "address" and isinstance(value, dict):
            yield from _personal(value)
        elif isinstance(value, str) and len(value) > 2 and key not in PUBLIC and "id" not in key:
            yield value
