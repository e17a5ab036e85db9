"""A site as one order sees it."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class SiteView:
    """What routing weighs about a site for one order, stock apart.

    Attributes:
        late: Whether its dispatch date is after the promised day.
        serves: Whether it ships to the destination's country.
        full: Whether it has no parcel left on its dispatch date.
    """

    code: str
    distance_km: float | None
    dispatch_date: date
    late: bool
    serves: bool
    full: bool

    def rank(self) -> tuple[bool, float, str]:
        """Punctual before late, near before far."""
        return (self.late, self.distance_km if self.distance_km is not None else 0.0, self.code)
