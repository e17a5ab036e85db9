"""The last thing between a connector and the hub: no secret in its errors, no surprise among them.

A vendor's answer can have any shape. What a connector trips over there becomes one of `connectors.errors`,
so that it stops one stream and not the hub's round; a write whose answer could not be read is in doubt.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import msgspec

from connectors.contract import Connector, Json, Page, Window, WriteResult
from connectors.errors import AnswerLost, ConnectorError, StreamBroken
from connectors.redaction import Redactor

SHAPE_ERRORS = (
    LookupError,
    TypeError,
    AttributeError,
    ValueError,
    ArithmeticError,
    RecursionError,
    msgspec.MsgspecError,
)
"""What Python raises where an answer is not what the code expects."""


class Guarded:
    """A connector, behind its guard. Everything else of it is as it was."""

    def __init__(self, connector: Connector, redactor: Redactor) -> None:
        self._connector = connector
        self._redactor = redactor

    def __getattr__(self, name: str) -> object:
        return getattr(self._connector, name)

    def read(self, stream: str, window: Window, bookmark: str | None = None) -> Iterator[Page]:
        """As the connector's; a page of a shape that makes no sense raises StreamBroken."""
        with self._guard(f"reading {stream}", StreamBroken):
            yield from self._connector.read(stream, window, bookmark)

    def read_one(self, stream: str, external_id: str) -> Page:
        """As the connector's; an answer of a shape that makes no sense raises StreamBroken."""
        with self._guard(f"reading one of {stream}", StreamBroken):
            return self._connector.read_one(stream, external_id)

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        """As the connector's; if the answer cannot be read, it raises AnswerLost."""
        with self._guard(operation, AnswerLost):
            return self._clean(self._connector.write(operation, body, reference))

    def look_up(self, operation: str, body: Json, reference: str) -> WriteResult | None:
        """As the connector's; an answer of a shape that makes no sense raises StreamBroken."""
        with self._guard(f"looking up {operation}", StreamBroken):
            found = self._connector.look_up(operation, body, reference)
            return None if found is None else self._clean(found)

    def _clean(self, result: WriteResult) -> WriteResult:
        reason = None if result.reason is None else self._redactor.clean(result.reason)
        vendor_ref = None if result.vendor_ref is None else self._redactor.clean(result.vendor_ref)
        return WriteResult(result.outcome, vendor_ref, reason)

    @contextmanager
    def _guard(self, what: str, otherwise: type[ConnectorError]) -> Iterator[None]:
        try:
            yield
        except ConnectorError as error:
            self._redactor.clean_error(error)
            raise
        except SHAPE_ERRORS as error:
            self._redactor.clean_error(error)
            name = type(error).__name__
            told = f"{self._connector.connection}: {what}: the answer has another shape ({name})"
            raise otherwise(told) from error


def guard(connector: Connector, redactor: Redactor) -> Connector:
    """The connector behind its guard."""
    return cast("Connector", Guarded(connector, redactor))
