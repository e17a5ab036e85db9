"""What the doctor finds: one record that does not balance, in words, with the repair that is possible."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pipelines.hub import Hub

SOURCE = "doctor"
Repair = Callable[[Hub], None]
"""Brings one finding into balance: by an entry with reason and source, a message that is looked into again,
or a record that is read again. Never by an edit that nobody sees."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not balance.

    Attributes:
        check: Which check found it.
        record: The record concerned: an order, a position, a message, a file.
        what: What is wrong with it, with both figures; names no person.
        remedy: What brings it into balance: what `--repair` does, or what a person does.
        repair: Does it; None if only a person can.
    """

    check: str
    record: str
    what: str
    remedy: str
    repair: Repair | None = field(default=None, compare=False)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "check": self.check,
            "record": self.record,
            "what": self.what,
            "remedy": self.remedy,
            "repairable": self.repair is not None,
        }
