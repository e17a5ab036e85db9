"""One group of competing orders: bound, first plan, local search, exact step."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from warehouse_routing.batch import UNSERVED, Floats, Ints
from warehouse_routing.solver.arrays import Arrays, Plan, empty_plan
from warehouse_routing.solver.chains import chain_of, sweep
from warehouse_routing.solver.cheapest import scratch_of
from warehouse_routing.solver.construct import costs, replay
from warehouse_routing.solver.dive import dive
from warehouse_routing.solver.dual import Dual, Relaxation, ascend
from warehouse_routing.solver.effort import Effort, effort_for
from warehouse_routing.solver.exact import choose, columns_of
from warehouse_routing.solver.neighbourhoods import lines_of, neighbourhoods, put_all_in, take_all_out
from warehouse_routing.solver.subset import remaining

FIRST_STEP, LAST_STEP, DIVE_STEP = 0.7, 0.004, 0.045
"""Lengths of the ascent's first and last step and of a dive's first, as shares of an order's mean cost."""

STALE = 1e-5
"""A sweep that saves less than this share of the cost ends its kind of sweeps."""

CHUNK = 5000
"""Orders between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found for a group: each line's site, its cost, a bound on it, and the prices behind."""

    site: Ints
    cost: float
    bound: float
    dual: Dual


@dataclass(slots=True)
class Search:
    """A search on one group, with what it may use.

    `tell(stage, cost, bound)` is told how it goes.
    """

    arrays: Arrays
    seed: int
    threads: int
    deadline: float
    tell: Callable[[str, float, float], None]

    def run(self, start: Ints | None) -> Answer:
        """Search until the effort for its size is spent or the deadline passes."""
        effort = effort_for(len(self.arrays.line_start) - 1)
        rng = np.random.default_rng(self.seed)
        dual, step = self.bound(effort)
        plan = dive(self.arrays, dual, step, self.threads, rng, self.in_time)
        plan, cost = self.better(plan, start)
        best = self.sweeps(plan, cost, dual, effort, rng)
        least = self.cost_at(best)
        bound = dual.bound
        if effort.rounds and self.in_time() and least > bound:
            if len(dual.value) <= effort.part:
                best, bound = self.exact(best, least, dual, effort)
            else:
                best = self.by_parts(best, least, dual, effort, rng)
            least = self.cost_at(best)
        return Answer(best, least, min(bound, least), dual)

    def in_time(self) -> bool:
        """Whether the deadline is still ahead."""
        return time.monotonic() < self.deadline

    def bound(self, effort: Effort) -> tuple[Dual, float]:
        """Climb to the prices; also the step to go on from there with (money per unit)."""

        def on(step: int, bound: float) -> bool:
            if step % 10 == 0:
                self.tell("bound", math.inf, bound)
            return self.in_time()

        relaxation = Relaxation(self.arrays, self.threads)
        try:
            relaxation.evaluate(np.zeros(self.arrays.supply.shape), np.zeros(len(self.arrays.capacity)))
            mean = float(relaxation.value.mean()) if len(relaxation.value) else 0.0
            lost = float(self.arrays.unserved_cost.mean()) if len(self.arrays.unserved_cost) else 0.0
            # the steps must be able to carry a price to that of a line that waits
            first = max(FIRST_STEP * mean, 25.0 * lost / effort.steps, 1e-9)
            last = max(LAST_STEP * mean, 1e-3 * first)
            dual = ascend(relaxation, effort.steps, first, last, on)
            return dual, max(DIVE_STEP * mean, first / 20)
        finally:
            relaxation.close()

    def better(self, plan: Plan, start: Ints | None) -> tuple[Plan, Floats]:
        """The cheaper of a plan and the feasible part of `start`, and what its orders cost."""
        cost = np.empty(len(self.arrays.line_start) - 1)
        costs(self.arrays, plan, cost)
        if start is not None:
            given, given_cost = plan_at(self.arrays, start), np.empty_like(cost)
            costs(self.arrays, given, given_cost)
            if math.fsum(given_cost) <= math.fsum(cost):
                return given, given_cost
        return plan, cost

    def sweeps(self, plan: Plan, cost: Floats, dual: Dual, effort: Effort, rng: np.random.Generator) -> Ints:
        """Sweep chains over all orders until that saves little; the best plan's sites."""
        arrays, scratch = self.arrays, scratch_of(self.arrays)
        chain = chain_of(arrays, 5, self.seed)
        for turns, looks, shake, retries in ((effort.light, 4, 0.03, 0), (effort.heavy, 8, 0.15, 5)):
            mean = math.fsum(cost) / max(1, len(cost))
            tries_per_gain = 6.0 / mean if mean > 0 else 0.0
            stale = 0
            for _ in range(turns):
                if not self.in_time() or stale == 3:
                    break
                factor = rng.uniform(0.5 if retries else 0.7, 1.0)
                prices = dual.stock_price * factor, dual.site_price * factor
                sequence, saved = rng.permutation(len(cost)), 0.0
                for part in np.array_split(sequence, 1 + len(cost) // CHUNK):
                    saved += sweep(
                        part, looks, shake * mean, retries, tries_per_gain, arrays, plan, *prices,
                        scratch, chain, cost,
                    )  # fmt: skip
                    if not self.in_time():
                        break
                total = math.fsum(cost)
                stale = stale + 1 if saved <= STALE * total else 0
                self.tell("plan", total, dual.bound)
        return plan.site

    def exact(self, site: Ints, cost: float, dual: Dual, effort: Effort) -> tuple[Ints, float]:
        """Let HiGHS choose among the promising plans; better sites if it finds any, and the bound."""
        reach = effort.reach * cost / max(1, len(dual.value))
        columns = columns_of(self.arrays, dual, site, cost - dual.bound, reach)
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            return site, dual.bound
        chosen, bound = choose(self.arrays, columns, site, effort.nodes, seconds)
        if self.cost_at(chosen) < cost:
            site = chosen
        if columns.complete:
            return site, max(dual.bound, min(bound, cost))
        return site, dual.bound

    def by_parts(self, site: Ints, cost: float, dual: Dual, effort: Effort, rng: np.random.Generator) -> Ints:
        """Let HiGHS decide part after part while all others stay, until that saves nothing; better sites."""
        arrays, plan, least, stale = self.arrays, plan_at(self.arrays, site), cost, 0
        each = np.empty(len(dual.value))
        for _ in range(effort.rounds):
            reach = effort.reach * cost / len(each)
            for part in neighbourhoods(arrays, dual.stock_price, effort.part, rng):
                seconds = self.deadline - time.monotonic()
                if seconds <= 0:
                    break
                take_all_out(part, arrays, plan)
                lines = lines_of(arrays, part)
                rest, held = remaining(arrays, plan, part), plan.site[lines]
                columns = columns_of(rest, replace(dual, value=dual.value[part]), held, math.inf, reach)
                plan.site[lines], _ = choose(rest, columns, held, effort.nodes, seconds)
                put_all_in(part, arrays, plan)
            costs(arrays, plan, each)
            saved, cost = cost - math.fsum(each), math.fsum(each)
            self.tell("plan", cost, dual.bound)
            stale = stale + 1 if saved <= STALE * cost else 0
            if stale == 2 or not self.in_time():
                break
        return plan.site if self.cost_at(plan.site) < least else site

    def cost_at(self, site: Ints) -> float:
        """What a feasible plan with these sites costs; inf where it is not feasible."""
        plan = plan_at(self.arrays, site)
        if not np.array_equal(plan.site, site):
            return math.inf
        cost = np.empty(len(self.arrays.line_start) - 1)
        costs(self.arrays, plan, cost)
        return math.fsum(cost)


def plan_at(arrays: Arrays, site: Ints) -> Plan:
    """The plan with the lines at these sites, as far as that is feasible."""
    lines = len(arrays.unserved_cost)
    if site.shape != (lines,):
        raise ValueError(f"start has the shape {site.shape}, not ({lines},)")
    if lines and not (site.min() >= UNSERVED and site.max() < len(arrays.capacity)):
        raise ValueError("start names a site that is not there")
    plan = empty_plan(arrays)
    plan.site[:] = site
    replay(arrays, plan)
    return plan
