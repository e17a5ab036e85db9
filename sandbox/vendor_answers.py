"""What an imitated vendor answers, and how the answer travels."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class VendorAnswer:
    """An answer, and how it travels.

    Attributes:
        lost: The adapters cut the connection instead of sending it.
        delay: Seconds before it is sent, or before the connection is cut.
        reset_after: So many bytes of the body are sent, then the connection is reset.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False
    delay: float = 0.0
    reset_after: int | None = None


def json_answer(value: Any, status: int = 200, **headers: str) -> VendorAnswer:  # noqa: ANN401 -- any JSON
    """An answer with a JSON body. Header names are given with underscores for dashes."""
    named = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): text for name, text in headers.items()
    }
    return VendorAnswer(status, json.dumps(value, separators=(",", ":")).encode(), named)
