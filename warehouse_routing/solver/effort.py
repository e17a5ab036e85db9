"""How hard the search tries, by the number of orders. From LARGE orders on it is the same for each order."""

from dataclasses import dataclass

LARGE = 10_000


@dataclass(frozen=True, slots=True)
class Effort:
    """Counts that bound the search, so that it ends by itself and the same way each time.

    Attributes:
        steps: Steps of the ascent of prices.
        light: Sweeps of short chains.
        heavy: Sweeps of long chains with several tries each.
        reach: How far above an order's cheapest plan others are listed for the exact step, as a share of an
            order's mean cost; 0 for no exact step.
        nodes: Nodes of a search tree.
        part: Orders that HiGHS decides at a time.
        rounds: How often all parts are decided anew, where a group has more orders than one.
    """

    steps: int
    light: int
    heavy: int
    reach: float
    nodes: int
    part: int
    rounds: int


def effort_for(orders: int) -> Effort:
    """The effort for a batch whose orders all compete."""
    if orders <= 300:
        return Effort(steps=600, light=10, heavy=20, reach=100.0, nodes=2000, part=300, rounds=1)
    if orders <= 2500:
        return Effort(steps=600, light=10, heavy=20, reach=0.12, nodes=3, part=1200, rounds=12)
    if orders < LARGE:
        return Effort(steps=500, light=10, heavy=20, reach=0.2, nodes=10, part=500, rounds=3)
    return Effort(steps=150, light=8, heavy=2, reach=0.0, nodes=0, part=0, rounds=0)
