from warehouse_routing.solver.solve import Progress, solve

__all__ = ["Progress", "solve"]
