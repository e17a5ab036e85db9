"""Taking an order out of a plan and putting it in: what every search step is made of."""

from warehouse_routing.batch import UNSERVED
from warehouse_routing.solver.arrays import Arrays, Plan
from warehouse_routing.solver.kernel import compiled


@compiled
def opens_parcel(order: int, line: int, arrays: Arrays, plan: Plan) -> bool:
    """Whether a served line is the first of its order at its site."""
    opens = True
    for earlier in range(arrays.line_start[order], line):
        opens = opens and plan.site[earlier] != plan.site[line]
    return opens


@compiled
def take_out(order: int, arrays: Arrays, plan: Plan) -> None:
    """Give back what an order takes. Its lines keep their sites, as a note of where they were."""
    for line in range(arrays.line_start[order], arrays.line_start[order + 1]):
        w = plan.site[line]
        if w == UNSERVED:
            continue
        if opens_parcel(order, line, arrays, plan):
            plan.room[w] += 1
        for part in range(arrays.part_start[line], arrays.part_start[line + 1]):
            sku = arrays.part_sku[part]
            plan.left[sku, w] += arrays.part_units[part]
            before, after = plan.before[part], plan.after[part]
            if after == part:
                plan.head[sku, w] = -1
                continue
            plan.after[before], plan.before[after] = after, before
            if plan.head[sku, w] == part:
                plan.head[sku, w] = after


@compiled
def put_in(order: int, arrays: Arrays, plan: Plan) -> None:
    """Take what an order needs at the sites that `plan.site` names, even where that leaves less than 0."""
    for line in range(arrays.line_start[order], arrays.line_start[order + 1]):
        w = plan.site[line]
        if w == UNSERVED:
            continue
        if opens_parcel(order, line, arrays, plan):
            plan.room[w] -= 1
        for part in range(arrays.part_start[line], arrays.part_start[line + 1]):
            sku = arrays.part_sku[part]
            plan.left[sku, w] -= arrays.part_units[part]
            head = plan.head[sku, w]
            if head < 0:
                plan.head[sku, w] = plan.after[part] = plan.before[part] = part
                continue
            tail = plan.before[head]
            plan.after[tail] = plan.before[head] = part
            plan.before[part], plan.after[part] = tail, head


@compiled
def cost_of(order: int, arrays: Arrays, plan: Plan) -> float:
    """What an order costs where `plan.site` has it."""
    cost, parcels, served, w = 0.0, 0, 0, UNSERVED
    first, last = arrays.line_start[order], arrays.line_start[order + 1]
    for line in range(first, last):
        if plan.site[line] == UNSERVED:
            cost += arrays.unserved_cost[line]
            continue
        served += 1
        w = plan.site[line]
        if arrays.line_cost.shape[0] > 0:
            cost += arrays.line_cost[line, w]
        if opens_parcel(order, line, arrays, plan):
            parcels += 1
            cost += arrays.parcel_cost[order, w]
    if parcels == 1 and served == last - first and arrays.whole_cost.shape[0] > 0:
        cost += arrays.whole_cost[order, w] - arrays.parcel_cost[order, w]
    return cost


@compiled
def fits(order: int, arrays: Arrays, plan: Plan) -> bool:
    """Whether nothing that an order takes is taken more than there is of it."""
    for line in range(arrays.line_start[order], arrays.line_start[order + 1]):
        w = plan.site[line]
        if w == UNSERVED:
            continue
        if plan.room[w] < 0:
            return False
        for part in range(arrays.part_start[line], arrays.part_start[line + 1]):
            if plan.left[arrays.part_sku[part], w] < 0:
                return False
    return True
