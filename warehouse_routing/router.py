"""Routing, first version: `plan(problem)` is the one entrance, and a better router keeps it."""

from warehouse_routing.plan import Plan
from warehouse_routing.problem import Problem


def plan(problem: Problem) -> Plan:
    """Decide which site ships what."""
    raise NotImplementedError
