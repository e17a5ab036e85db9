"""Chooses some points out of many, so that every kind of point has its share."""

import os
from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import TypeVar

from tests.faults.crash.points import Point

One = TypeVar("One")
POINTS = os.environ.get("ORDERHUB_POINTS")
"""So many points on each database instead of a sample (`make test-faults POINTS=300`)."""
SEED = 7


def spread(points: Sequence[tuple[One, Point]], count: int) -> list[tuple[One, Point]]:
    """So many points: the kinds in turn, and of each kind places that were not chosen yet before others."""
    random = Random(SEED)
    by_kind: dict[str, list[tuple[One, Point]]] = defaultdict(list)
    for one in random.sample(points, len(points)):
        by_kind[one[1].kind].append(one)
    for found in by_kind.values():
        seen: dict[str, int] = defaultdict(int)
        ranks = {}
        for one in found:
            seen[one[1].place] += 1
            ranks[id(one)] = seen[one[1].place]
        found.sort(key=lambda one: ranks[id(one)])
    chosen: list[tuple[One, Point]] = []
    while len(chosen) < min(count, len(points)):
        for kind in sorted(by_kind):
            if by_kind[kind] and len(chosen) < count:
                chosen.append(by_kind[kind].pop(0))
    return chosen
