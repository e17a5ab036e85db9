from datetime import UTC, datetime
from io import BytesIO

import pytest
from pypdf import PdfReader

from pipelines.picklist_pdf import PicklistPaper, Place, render

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def paper(reference: str = "SHOP-1001-LYS-1", warehouse: str = "Lyon", places: int = 2) -> PicklistPaper:
    return PicklistPaper(
        reference=reference,
        order_number="#1001",
        warehouse=warehouse,
        time_zone="Europe/Paris",
        printed_at=NOW,
        ship_by=NOW,
        service="express",
        places=[
            Place(f"MUG-{n:03}", "Mug, blue & <white>", n + 2, f"A-{n:02}", f"L{n}") for n in range(places)
        ],
    )


def pages(papers: list[PicklistPaper]) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(render(papers))).pages]


def test_a_picklist_names_sku_units_bin_lot_and_both_references() -> None:
    (page,) = pages([paper()])
    for text in (
        "SHOP-1001-LYS-1",
        "#1001",
        "MUG-001",
        "A-01",
        "L1",
        "Mug, blue & <white>",
        "Lyon",
        "express",
    ):
        assert text in page
    assert "5 from 2 places" in page
    assert "10:30" in page, "times are the warehouse's own"


def test_places_stand_in_walking_order() -> None:
    mixed = PicklistPaper(
        "R", "1", "Lyon", "UTC", NOW, [Place("Z", "", 1, "B-2", None), Place("Y", "", 1, "A-9", None)]
    )
    (page,) = pages([mixed])
    assert page.index("A-9") < page.index("B-2")


def test_each_picklist_has_pages_of_its_own_sorted_by_warehouse() -> None:
    first, second, third = pages([paper("R2", "Reno"), paper("R3", "Lyon"), paper("R1", "Lyon")])
    assert "Picklist R1" in first
    assert "Picklist R3" in second
    assert "Picklist R2" in third


def test_a_long_picklist_runs_over_pages_and_repeats_its_heading() -> None:
    found = pages([paper(places=60)])
    assert len(found) > 1
    assert all("Units" in page for page in found)
    assert sum(page.count("MUG-059") for page in found) >= 1


def test_a_sku_that_code_128_cannot_say_is_written_out() -> None:
    (page,) = pages([PicklistPaper("R", "1", "Lyon", "UTC", NOW, [Place("TASSE-Ü", "", 1, "A", None)])])
    assert "TASSE-Ü" in page


def test_nothing_to_print_is_an_error() -> None:
    with pytest.raises(ValueError, match="no picklist"):
        render([])
