from warehouse_routing.solver.solve import solve

__all__ = ["solve"]
