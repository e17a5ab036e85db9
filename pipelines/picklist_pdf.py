"""The paper that a picker carries: one picklist, its places in walking order, barcodes to scan.

It names no customer: the WMS prints the label. It is made only after the WMS has chosen bins and lots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from itertools import groupby
from operator import attrgetter
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle
from reportlab.platypus.doctemplate import BaseDocTemplate

from pipelines.words import one_line

MARGIN = 15 * mm
COLUMNS = (22 * mm, 26 * mm, 68 * mm, 14 * mm, 50 * mm)
"""Bin, lot, SKU and title, units, barcode: 180 mm, an A4 page less its margins."""
LONGEST_WORD = 150
"""Letters of anything that is printed."""
WIDEST_BARCODE = COLUMNS[-1] - 6 * mm
STYLE = getSampleStyleSheet()
SMALL = ParagraphStyle("small", parent=STYLE["BodyText"], fontSize=8, leading=10)
PLACE = ParagraphStyle("place", parent=STYLE["BodyText"], fontName="Helvetica-Bold", fontSize=11, leading=13)


@dataclass(frozen=True, slots=True)
class Place:
    """Units to take from one place."""

    sku: str
    title: str
    quantity: int
    bin: str | None
    lot: str | None


@dataclass(frozen=True, slots=True)
class PicklistPaper:
    """One picklist as it is printed.

    Attributes:
        warehouse: The warehouse's name, as pickers know it.
        printed_at: The hub's time, aware UTC.
    """

    reference: str
    order_number: str
    warehouse: str
    time_zone: str
    printed_at: datetime
    places: Sequence[Place]
    ship_by: datetime | None = None
    service: str | None = None


def render(papers: Sequence[PicklistPaper]) -> bytes:
    """A PDF of picklists of any warehouses, each on pages of its own, sorted by warehouse and reference.

    Raises:
        ValueError: If there is nothing to print.
    """
    if not papers:
        raise ValueError("no picklist to print")
    story: list[Flowable] = []
    for _, of_warehouse in groupby(
        sorted(papers, key=attrgetter("warehouse", "reference")), attrgetter("warehouse")
    ):
        for paper in of_warehouse:
            if story:
                story.append(PageBreak())
            story += _picklist(paper)
    out = BytesIO()
    SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title="Picklists",
        author="orderhub",
        invariant=1,
    ).build(story, onFirstPage=_page_number, onLaterPages=_page_number)
    return out.getvalue()


def _word(text: str) -> str:
    """A word that a channel or a WMS chose: no markup, no control character, not longer than some lines.

    A title of a thousand letters would fit no page, and keep every other picklist from being printed.
    """
    shown = one_line(text)
    return escape(shown if len(shown) <= LONGEST_WORD else f"{shown[: LONGEST_WORD - 1]}…")


def _page_number(canvas: Canvas, _document: BaseDocTemplate) -> None:
    canvas.setFont("Helvetica", 8)
    canvas.drawRightString(A4[0] - MARGIN, MARGIN / 2, f"page {canvas.getPageNumber()}")


def _picklist(paper: PicklistPaper) -> list[Flowable]:
    zone = ZoneInfo(paper.time_zone)
    facts = [("Warehouse", paper.warehouse), ("Order", paper.order_number)]
    if paper.ship_by:
        facts.append(("Ship by", f"{paper.ship_by.astimezone(zone):%a %d %b %Y, %H:%M}"))
    if paper.service:
        facts.append(("Service", paper.service))
    units = sum(place.quantity for place in paper.places)
    facts.append(("Units", f"{units} from {len(paper.places)} places"))
    facts.append(("Printed", f"{paper.printed_at.astimezone(zone):%d %b %Y, %H:%M}"))
    described = "<br/>".join(f"<b>{name}:</b> {_word(text)}" for name, text in facts)
    head = Table(
        [
            [Paragraph(f"Picklist {_word(paper.reference)}", STYLE["Title"]), ""],
            [Paragraph(described, STYLE["BodyText"]), _barcode(paper.reference, 80 * mm, 14 * mm)],
        ],
        colWidths=(90 * mm, 90 * mm),
    )
    head.setStyle(TableStyle([("SPAN", (0, 0), (1, 0)), ("ALIGN", (1, 1), (1, 1), "RIGHT")]))
    return [head, Spacer(0, 6 * mm), _places(paper.places)]


def _places(places: Sequence[Place]) -> Table:
    rows: list[list[Flowable | str]] = [["Bin", "Lot", "SKU", "Units", "Scan"]]
    rows += [
        [
            Paragraph(_word(place.bin or "-"), PLACE),
            Paragraph(_word(place.lot or "-"), SMALL),
            Paragraph(f"<b>{_word(place.sku)}</b><br/>{_word(place.title)}", SMALL),
            Paragraph(str(place.quantity), PLACE),
            _barcode(place.sku, WIDEST_BARCODE, 9 * mm, readable=False),
        ]
        for place in sorted(places, key=lambda place: (place.bin or "", place.lot or "", place.sku))
    ]
    table = Table(rows, colWidths=COLUMNS, repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold"),
                ("FONTSIZE", (0, 0), (-1, 0), 9),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 1), (-1, -1), 5),
                ("BOTTOMPADDING", (0, 1), (-1, -1), 5),
                ("LINEBELOW", (0, 0), (-1, 0), 1, colors.black),
                ("LINEBELOW", (0, 1), (-1, -1), 0.25, colors.grey),
            ]
        )
    )
    return table


def _barcode(text: str, widest: float, height: float, *, readable: bool = True) -> Flowable:
    """Code 128 as wide as it may be, or plain words where the text holds letters that it lacks."""
    if not text.isascii() or not text:
        return Paragraph(_word(text), SMALL)

    def bars(bar_width: float) -> Code128:
        return Code128(
            text, barHeight=height, barWidth=bar_width, humanReadable=readable, fontSize=7, quiet=True
        )

    return bars(min(0.4 * mm, widest / bars(1).width))
