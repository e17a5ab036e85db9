"""A simulation as plain values, for --json, tables and the page."""

from dataclasses import asdict
from typing import Any

from pipelines.simulation.figures import Figures
from pipelines.simulation.hindsight import Hindsight, Worth
from pipelines.simulation.play import Outcome, Simulation


def answer_of(simulation: Simulation) -> dict[str, Any]:
    """Everything but the parcels themselves. Money is in minor units of `currency`."""
    return {
        "since": simulation.since,
        "until": simulation.until,
        "currency": simulation.currency,
        "waiting_price_minor": simulation.waiting_minor,
        "waves": simulation.waves,
        "happened": _figures(simulation, simulation.happened),
        "replayed": _outcome(simulation, simulation.replayed),
        "scenario": _outcome(simulation, simulation.scenario) if simulation.scenario else None,
        "notes": list(simulation.notes),
    }


def total_minor(simulation: Simulation, figures: Figures) -> int:
    """Cost with the price of what still waits: what plans are compared by."""
    return figures.cost_minor + simulation.waiting_minor * figures.units_waiting


def above_bound_percent(simulation: Simulation, figures: Figures, best: Hindsight) -> float | None:
    """How far a plan is above what no plan can cost less than; None where that is nothing or not known."""
    if not best.lower_bound_minor or figures.unpriced:
        return None
    return round(100 * (total_minor(simulation, figures) / best.lower_bound_minor - 1), 2)


def _figures(simulation: Simulation, figures: Figures) -> dict[str, Any]:
    return asdict(figures) | {
        "total_minor": total_minor(simulation, figures),
        "on_time_percent": figures.on_time_percent,
        "left_on_time_percent": figures.left_on_time_percent,
    }


def _outcome(simulation: Simulation, outcome: Outcome) -> dict[str, Any]:
    best = outcome.hindsight
    return _figures(simulation, outcome.figures) | {
        "complete": outcome.complete and best.complete,
        "best_minor": round(best.cost_minor),
        "lower_bound_minor": None if best.lower_bound_minor is None else int(best.lower_bound_minor),
        "above_bound_percent": above_bound_percent(simulation, outcome.figures, best),
        "worth": [_worth(one) for one in best.worth],
    }


def _worth(one: Worth) -> dict[str, Any]:
    checked = None if one.checked_minor is None else round(one.checked_minor, 1)
    return asdict(one) | {"price_minor": round(one.price_minor, 1), "checked_minor": checked}
