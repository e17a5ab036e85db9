"""Until when a write may be begun.

Whoever sends a message has claimed it for a while. A vendor that is slow to answer what is asked before the
write can outlast the claim; then somebody else has looked for the message's effect, found none, and sent it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

_until: ContextVar[datetime | None] = ContextVar("writes_until", default=None)


@contextmanager
def writes_until(moment: datetime) -> Iterator[None]:
    """Within the block, nothing that must not be sent twice is sent after a moment of the hub's clock."""
    token = _until.set(moment)
    try:
        yield
    finally:
        _until.reset(token)


def is_too_late(now: datetime) -> bool:
    """Whether such a write may not be begun any more."""
    until = _until.get()
    return until is not None and now >= until
