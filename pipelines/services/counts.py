"""Counts of what became of records."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageCounts:
    """What became of the records of a page, or of many pages together."""

    records: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    quarantined: int = 0

    def __add__(self, other: "PageCounts") -> "PageCounts":
        return PageCounts(
            self.records + other.records,
            self.created + other.created,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.stale + other.stale,
            self.quarantined + other.quarantined,
        )

    @property
    def vanished(self) -> int:
        """Records of which nothing is known: always 0, or the hub has lost something."""
        return self.records - (self.created + self.updated + self.unchanged + self.stale + self.quarantined)
