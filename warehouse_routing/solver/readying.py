"""Makes the solver's loops ready to run before anybody's time is counted."""

import time
from functools import cache

import numpy as np

from warehouse_routing.batch import Batch
from warehouse_routing.solver.solve import solve

ORDERS = 12


def make_ready() -> float:
    """Compile the inner loops, or load what is compiled already, by solving a small batch.

    The first time on a machine it takes seconds, which no time limit should be charged with.

    Returns:
        Seconds that it took: next to none after the first time in a process.
    """
    began = time.monotonic()
    _solve_once()
    return time.monotonic() - began


@cache
def _solve_once() -> None:
    """Orders of two lines each at two sites: goods for two in three, and parcels for half."""
    lines, sites = 2 * ORDERS, 2
    solve(
        Batch(
            line_start=np.arange(0, lines + 1, 2),
            part_start=np.arange(lines + 1),
            part_sku=np.arange(lines) % 3,
            part_units=np.ones(lines, np.int64),
            parcel_cost=np.array([[4.0 + n % 5, 5.0 + n % 3] for n in range(ORDERS)]),
            unserved_cost=np.full(lines, 25.0),
            stock=np.full((sites, 3), ORDERS // 4),
            capacity=np.full(sites, ORDERS // 2),
            max_parcels=np.full(ORDERS, 2),
            all_or_nothing=np.zeros(ORDERS, np.bool_),
        )
    )
