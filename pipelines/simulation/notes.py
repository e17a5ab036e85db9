"""What is not known exactly of a window, told with every simulation."""

from pipelines.config import HubConfig
from pipelines.simulation.figures import Figures
from pipelines.simulation.scenario import Scenario
from pipelines.simulation.shelves import PastStock
from pipelines.simulation.window import Window

FEW = 30


def notes_on(
    config: HubConfig,
    window: Window,
    stock: PastStock,
    happened: Figures,
    scenario: Scenario | None,
    *,
    bounded: bool,
) -> list[str]:
    """What holds back how far a simulation can be trusted, in sentences."""
    notes = [
        "Parcels are priced by today's tariff and handling, in what happened too; carriers' invoices are not"
        " known to the hub.",
        "Units that were cancelled or fulfilled elsewhere by now are left out everywhere.",
    ]
    how = {
        "later": "from the first snapshot after the window began: what came in before it counts as there",
        "present": "from the newest stock that the store knows: no older snapshot is kept",
    }
    for basis, words in how.items():
        if codes := sorted(code for code, known in stock.basis.items() if known == basis):
            notes.append(f"Stock of {', '.join(codes)} is rebuilt {words}.")
    unknown = sorted({one.code for one in config.warehouses} - stock.basis.keys())
    if unknown:
        notes.append(f"No stock is known of {', '.join(unknown)}: nothing ships from there in a replay.")
    if stock.unread:
        notes.append(
            f"{stock.unread} landed stock snapshots could not be read; the ones around them stand in."
        )
    if happened.unpriced:
        notes.append(
            f"{happened.unpriced} parcels went in a way that today's warehouses or tariff do not allow; they"
            " count, but their cost does not."
        )
    if scenario and any(units > 0 for units in scenario.more.values()):
        notes.append("Units that the scenario adds are there from the window's beginning.")
    if not bounded:
        notes.append(
            "The least possible cost is not known where SKUs have substitutes: which of them goes is settled"
            " before a plan is made."
        )
    if len({one.to_route.order_id for one in window.orders}) < FEW:
        notes.append("So few orders tell little about another policy.")
    return notes
