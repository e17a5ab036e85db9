"""Faults that can be switched on per connection. Each strikes a counted number of times, then is over."""

from collections import Counter

KINDS = (
    "throttle",  # the vendor's own "too many requests", with its own signal of how long
    "server_error",  # a 5xx in the vendor's own form
    "lost_answer",  # the write is done, the connection ends before the answer
    "late_visibility",  # records show up in lists only a while after their own time stamp
    "repeated_page",  # a list answers the same page again under a new marker
    "duplicate_update",  # a list holds a record twice
    "reordered",  # a list comes in another order than asked
    "stale_update",  # a list holds an older state of a record beside or instead of the newest
    "broken_record",  # a record with an impossible date or a wrong type
    "missing_address",  # names and streets are left out
    "quoting_refusal",  # a push, a cancellation or a confirmation is refused in words that quote the buyer
    "signed_by",  # a delivered parcel's newest scan tells who signed for it
)


class Faults:
    """A counted switchboard. `strikes` is asked by a vendor whenever a fault would fit."""

    def __init__(self) -> None:
        self._left: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()

    def switch_on(self, kind: str, times: int = 1) -> None:
        """Let a fault strike so many times more.

        Raises:
            ValueError: If there is no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no fault; there are: {', '.join(KINDS)}")
        self._left[kind] += times

    def switch_off(self, kind: str) -> None:
        """End a fault now."""
        self._left.pop(kind, None)

    def strikes(self, kind: str) -> bool:
        """Whether the fault strikes now; counts it if so."""
        if self._left[kind] <= 0:
            return False
        self._left[kind] -= 1
        self.struck[kind] += 1
        return True
