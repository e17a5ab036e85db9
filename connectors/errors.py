"""Errors classed by what to do about them.

ConnectorError
├── RateLimited            wait: the vendor asks for a pause longer than a call may sleep
├── Transient              try again later: time-out, 5xx, connection refused
│   ├── AnswerLost         a write was sent and no answer came: its effect is in doubt
│   └── TooLate            a write was not begun: the time to do so had run out
├── CredentialsRejected    a person fixes the credentials
│   └── PermissionMissing  a person grants a right; the message names it
├── RecordRejected         this one record cannot be read or written; the batch goes on
│   └── RecordMissing      the vendor knows no such record
└── StreamBroken           stop this stream with an alert: repeated pages, an answer of another shape
"""

from datetime import timedelta


class ConnectorError(Exception):
    """Base of all errors that a connector raises. Messages hold no secret and no personal data."""


class RateLimited(ConnectorError):
    """The vendor asks to wait longer than a call may sleep."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Transient(ConnectorError):
    """May work later, with nothing changed."""


class AnswerLost(Transient):
    """A write was sent and its answer never came."""


class TooLate(Transient):
    """A write was not begun: its sender's claim on it would end before the answer."""


class CredentialsRejected(ConnectorError):
    """The vendor refuses the credentials."""


class PermissionMissing(CredentialsRejected):
    """The credentials are good but lack a right; the message names it."""


class RecordRejected(ConnectorError):
    """The vendor refuses this one record, with a reason."""


class RecordMissing(RecordRejected):
    """The vendor knows no such record."""


class StreamBroken(ConnectorError):
    """The stream makes no sense any more: stop it and tell somebody."""
