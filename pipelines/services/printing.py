"""Picklists on paper: made once bins and lots were read back from a WMS that chooses them.

A WMS that picks by itself (ShipBob) tells no bins, so it gets no paper.
"""

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from order_store.picklists import State, StoredPicklist, list_picklists
from pipelines.hub import Hub
from pipelines.picklist_pdf import PicklistPaper, Place, render

TO_PICK = (State.ACCEPTED, State.PICKING)
AT_ONCE = 5_000
DRAFT = ".part"


@dataclass(frozen=True, slots=True)
class PrintResult:
    """What was printed.

    Attributes:
        ready: Picklists that wait to be picked and whose bins are known.
        printed: Of these, the ones that are new, or whose bins or lots have changed.
    """

    ready: int = 0
    printed: int = 0


def print_picklists(hub: Hub, connection: str) -> PrintResult:
    """Write a PDF for each picklist of a WMS that is ready and not printed yet.

    Files are `picklists/<warehouse>/<dispatch day>/<reference>-<digest of the places>.pdf`, beside the hub's
    state.
    """
    mine = [one.code for one in hub.config.warehouses if one.wms.connection == connection]
    found: list[StoredPicklist] = []
    with hub.store.read() as tx:
        for warehouse in mine:
            found += list_picklists(tx, warehouse=warehouse, states=TO_PICK, limit=AT_ONCE)
    ready = [one for one in found if one.picks and all(pick.bin for pick in one.picks)]
    printed = 0
    for picklist in ready:
        file = _file(hub, picklist)
        if file.exists():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{secrets.token_hex(4)}{DRAFT}")  # others may print the same now
        partial.write_bytes(render([paper_of(hub, picklist)]))
        partial.replace(file)
        for older in _others(file, picklist):
            older.unlink(missing_ok=True)
        printed += 1
    return PrintResult(len(ready), printed)


def remove_drafts(hub: Hub, before: datetime) -> int:
    """Delete the drafts of prints that were killed; returns how many.

    Args:
        hub: The hub.
        before: By this machine's clock. A younger draft is left: somebody may be writing it, which takes
            less than a second.
    """
    removed = 0
    for draft in _folder(hub).rglob(f"*{DRAFT}"):
        with contextlib.suppress(FileNotFoundError):  # it was finished or deleted just now
            if draft.stat().st_mtime < before.timestamp():
                draft.unlink()
                removed += 1
    return removed


def paper_of(hub: Hub, picklist: StoredPicklist) -> PicklistPaper:
    """A picklist as it is printed; it names no customer."""
    warehouse = hub.config.warehouse(picklist.warehouse)
    titles = {line.line_no: line.title for line in picklist.lines}
    titles_by_sku = {one.sku: titles.get(one.line_no, "") for one in picklist.allocations}
    return PicklistPaper(
        reference=picklist.reference,
        order_number=picklist.order_number,
        warehouse=warehouse.name or warehouse.code,
        time_zone=warehouse.time_zone,
        printed_at=hub.clock.now(),
        ship_by=picklist.dispatch_due_at,
        service=None,
        places=tuple(
            Place(pick.sku, titles_by_sku.get(pick.sku, ""), pick.quantity, pick.bin, pick.lot)
            for pick in picklist.picks
        ),
    )


def _file(hub: Hub, picklist: StoredPicklist) -> Path:
    places = hashlib.sha256(msgspec.json.encode(picklist.picks)).hexdigest()[:8]
    folder = _folder(hub) / picklist.warehouse / picklist.dispatch_date
    return folder / f"{_safe(picklist.reference)}-{places}.pdf"


def _folder(hub: Hub) -> Path:
    return hub.state.parent / "picklists"


def _others(file: Path, picklist: StoredPicklist) -> Iterator[Path]:
    """Earlier papers of the same picklist."""
    for path in file.parent.glob(f"{_safe(picklist.reference)}-*.pdf"):
        if path != file:
            yield path


def _safe(reference: str) -> str:
    """A reference as a file's name: no path in it, whatever the channel's ids hold."""
    return "".join(char if char.isalnum() or char in "-._" else "_" for char in reference).lstrip(".")
