"""Who ships where, drawn from coordinates alone: sites, destinations and the parcels between them, as SVG."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from warehouse_routing.problem import Location, Precision, Site
from warehouse_routing.rolling_replay import Shipped

CELL = 0.5
"""Degrees to which destinations are rounded before anything is drawn: tens of kilometres, no address."""
EXTREMES = 0.02
"""Share of the orders that may lie outside the picture on each side."""
WIDTH, LEAST_HEIGHT, MOST_HEIGHT, MARGIN = 560.0, 260.0, 460.0, 34.0
COLOURS = ("#0072B2", "#C14B00", "#00795A", "#A8487F", "#8A6100", "#3B7EA1", "#5B4B9A", "#444444")
"""Told apart by the colour-blind too, and dark enough on white (after Okabe and Ito)."""

Cell = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """Degrees to pixels: an equirectangular picture, true to scale in its middle latitude."""

    west: float
    north: float
    scale: float
    squeeze: float
    height: float

    def point(self, lat: float, lon: float) -> tuple[float, float]:
        """Where a place is drawn."""
        x = MARGIN + (lon - self.west) * self.squeeze * self.scale
        y = MARGIN + (self.north - lat) * self.scale
        return round(x, 1), round(y, 1)

    def shows(self, place: Location) -> bool:
        """Whether a place lies within the picture; one that nobody knows does not."""
        cell = cell_of(place)
        if cell is None:
            return False
        x, y = self.point(*cell)
        return 0 <= x <= WIDTH and 0 <= y <= self.height


def colours_of(codes: Iterable[str]) -> dict[str, str]:
    """A colour for each warehouse, the same in all pictures."""
    return {code: COLOURS[at % len(COLOURS)] for at, code in enumerate(sorted(set(codes)))}


def cell_of(place: Location) -> Cell | None:
    """The rounded place; None where the place is not known better than by country."""
    if place.precision in (Precision.UNKNOWN, Precision.COUNTRY):
        return None
    return round(place.lat / CELL) * CELL, round(place.lon / CELL) * CELL


def frame_of(sites: Iterable[Site], destinations: Iterable[Location]) -> Frame:
    """A frame with all sites in it and nearly all destinations: a few far ones must not shrink the rest."""
    points = [(one.location.lat, one.location.lon) for one in sites if _known(one)]
    cells = [cell for place in destinations if (cell := cell_of(place))]
    lats = [lat for lat, _ in points] + _without_extremes([lat for lat, _ in cells]) or [0.0]
    lons = [lon for _, lon in points] + _without_extremes([lon for _, lon in cells]) or [0.0]
    south, north, west, east = min(lats) - 1, max(lats) + 1, min(lons) - 1, max(lons) + 1
    squeeze = max(0.2, math.cos(math.radians((south + north) / 2)))
    wide, high = (east - west) * squeeze, north - south
    scale = min((WIDTH - 2 * MARGIN) / wide, (MOST_HEIGHT - 2 * MARGIN) / high)
    height = max(LEAST_HEIGHT, high * scale + 2 * MARGIN)
    spare_x = (WIDTH - 2 * MARGIN) / scale - wide
    spare_y = (height - 2 * MARGIN) / scale - high
    return Frame(west - spare_x / squeeze / 2, north + spare_y / 2, scale, squeeze, height)


def _without_extremes(values: Sequence[float]) -> list[float]:
    few = int(len(values) * EXTREMES)
    return sorted(values)[few : len(values) - few]


def draw_map(
    frame: Frame,
    sites: Sequence[Site],
    parcels: Sequence[Shipped],
    destinations: Mapping[int, Location],
    colours: Mapping[str, str],
    title: str,
) -> str:
    """An SVG picture of one plan."""
    flows: Counter[tuple[str, Cell]] = Counter()
    at: dict[Cell, set[int]] = defaultdict(set)
    for one in parcels:
        place = destinations.get(one.order_id)
        if place and (cell := cell_of(place)):
            flows[one.assignment.site, cell] += 1
            at[cell].add(one.order_id)
    places = {site.code: site.location for site in sites if _known(site)}
    body = [*_graticule(frame), *_flows(frame, flows, places, colours), *_dots(frame, at)]
    body += _sites(frame, places, Counter(one.assignment.site for one in parcels), colours)
    return (
        f'<svg viewBox="0 0 {WIDTH:.0f} {frame.height:.0f}" role="img" aria-label="{escape(title)}">'
        f'<rect class="sea" width="{WIDTH:.0f}" height="{frame.height:.0f}" rx="6"/>{"".join(body)}</svg>'
    )


def _known(site: Site) -> bool:
    return site.location.precision is not Precision.UNKNOWN


def _graticule(frame: Frame) -> Iterable[str]:
    span = (WIDTH - 2 * MARGIN) / frame.scale / frame.squeeze
    step = next(size for size in (1, 2, 5, 10, 20, 30, 60) if span / size <= 8 or size == 60)
    east = frame.west + (WIDTH - MARGIN) / frame.scale / frame.squeeze
    south = frame.north - (frame.height - MARGIN) / frame.scale
    for lon in range(math.ceil(frame.west / step) * step, math.floor(east) + 1, step):
        x, _ = frame.point(0, lon)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{frame.height:.0f}"/>'
        yield f'<text class="degree" x="{x + 3}" y="{frame.height - 6:.0f}">{_degrees(lon, "E", "W")}</text>'
    for lat in range(math.ceil(south / step) * step, math.floor(frame.north) + 1, step):
        _, y = frame.point(lat, 0)
        yield f'<line class="grid" x1="0" x2="{WIDTH:.0f}" y1="{y}" y2="{y}"/>'
        yield f'<text class="degree" x="5" y="{y - 3:.1f}">{_degrees(lat, "N", "S")}</text>'


def _degrees(value: int, above: str, below: str) -> str:
    return f"{abs(value)}° {above if value > 0 else below}" if value else "0°"


def _flows(
    frame: Frame,
    flows: Mapping[tuple[str, Cell], int],
    places: Mapping[str, Location],
    colours: Mapping[str, str],
) -> Iterable[str]:
    most = max(flows.values(), default=1)
    for (code, cell), count in sorted(flows.items(), key=lambda flow: (flow[1], flow[0])):
        if code not in places:
            continue
        x1, y1 = frame.point(places[code].lat, places[code].lon)
        x2, y2 = frame.point(*cell)
        # A slight bend keeps ways of two sites to one place apart.
        bend_x, bend_y = (x1 + x2) / 2 + (y2 - y1) * 0.08, (y1 + y2) / 2 - (x2 - x1) * 0.08
        width = 0.8 + 3.2 * math.sqrt(count / most)
        yield (
            f'<path class="flow" d="M{x1} {y1}Q{bend_x:.1f} {bend_y:.1f} {x2} {y2}" stroke="{colours[code]}"'
            f' stroke-width="{width:.1f}"><title>{escape(code)}: {count} parcels</title></path>'
        )


def _dots(frame: Frame, at: Mapping[Cell, set[int]]) -> Iterable[str]:
    most = max((len(orders) for orders in at.values()), default=1)
    for cell, orders in sorted(at.items()):
        x, y = frame.point(*cell)
        radius = 1.5 + 5 * math.sqrt(len(orders) / most)
        yield (
            f'<circle class="place" cx="{x}" cy="{y}" r="{radius:.1f}">'
            f"<title>about {cell[0]:.1f}, {cell[1]:.1f}: {len(orders)} orders</title></circle>"
        )


def _sites(
    frame: Frame, places: Mapping[str, Location], parcels: Mapping[str, int], colours: Mapping[str, str]
) -> Iterable[str]:
    for code, place in sorted(places.items()):
        x, y = frame.point(place.lat, place.lon)
        left = x > WIDTH * 0.8
        yield (
            f'<rect class="site" x="{x - 6:.1f}" y="{y - 6:.1f}" width="12" height="12"'
            f' fill="{colours[code]}">'
            f"<title>{escape(code)}: {parcels.get(code, 0)} parcels</title></rect>"
            f'<text class="name" x="{x + (-10 if left else 10):.1f}" y="{y + 4:.1f}"'
            f' text-anchor="{"end" if left else "start"}">{escape(code)}</text>'
        )
