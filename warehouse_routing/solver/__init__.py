from warehouse_routing.solver.readying import make_ready
from warehouse_routing.solver.solve import Progress, solve

__all__ = ["Progress", "make_ready", "solve"]
