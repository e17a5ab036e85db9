"""Bars, as SVG: what each plan costs beside what no plan can cost less than, and who ships how much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LABEL, VALUE, BAR, GAP = 560.0, 150.0, 96.0, 22.0, 10.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        value: Its length; `second` is a paler part at its end, and `mark` a line across it.
        words: What stands behind it.
    """

    label: str
    value: float
    words: str
    colour: str
    second: float = 0.0
    mark: float | None = None


def draw_bars(bars: Sequence[Bar], title: str) -> str:
    """Bars below one another, all to one scale from 0."""
    most = max((max(bar.value + bar.second, bar.mark or 0.0) for bar in bars), default=0.0) or 1.0
    length = (WIDTH - LABEL - VALUE) / most
    height = len(bars) * (BAR + GAP) + GAP
    drawn = []
    for at, bar in enumerate(bars):
        y = GAP + at * (BAR + GAP)
        end = LABEL + (bar.value + bar.second) * length
        drawn.append(
            f'<text class="label" x="{LABEL - 8:.0f}" y="{y + BAR * 0.7:.1f}">{escape(bar.label)}</text>'
            f'<rect x="{LABEL:.0f}" y="{y:.1f}" width="{bar.value * length:.1f}" height="{BAR:.0f}"'
            f' fill="{bar.colour}"/>'
            f'<rect x="{LABEL + bar.value * length:.1f}" y="{y:.1f}" width="{bar.second * length:.1f}"'
            f' height="{BAR:.0f}" fill="{bar.colour}" opacity="0.35"/>'
            f'<text class="value" x="{end + 8:.1f}" y="{y + BAR * 0.7:.1f}">{escape(bar.words)}</text>'
        )
        if bar.mark is not None:
            x = LABEL + bar.mark * length
            drawn.append(
                f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 4:.1f}" y2="{y + BAR + 4:.1f}"/>'
            )
    return (
        f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"{''.join(drawn)}</svg>"
    )


def draw_groups(
    names: Sequence[str], series: Sequence[tuple[str, Mapping[str, int], str]], title: str
) -> str:
    """For each name, a thin bar of each series: (what it is, values by name, its class)."""
    most = max((values.get(name, 0) for _, values, _ in series for name in names), default=0) or 1
    thin = 13.0
    block = thin * len(series) + 14.0
    length = (WIDTH - LABEL - VALUE) / most
    drawn = []
    for at, name in enumerate(names):
        top = 8 + at * block
        middle = top + thin * len(series) / 2 + 4
        drawn.append(f'<text class="label" x="{LABEL - 8:.0f}" y="{middle:.1f}">{escape(name)}</text>')
        for row, (what, values, kind) in enumerate(series):
            y, count = top + row * thin, values.get(name, 0)
            drawn.append(
                f'<rect class="{kind}" x="{LABEL:.0f}" y="{y:.1f}" width="{count * length:.1f}"'
                f' height="{thin - 2:.0f}"><title>{escape(name)}, {escape(what)}: {count}</title></rect>'
                f'<text class="small" x="{LABEL + count * length + 6:.1f}" y="{y + thin - 3:.1f}">'
                f"{count}</text>"
            )
    height = len(names) * block + 8
    return (
        f'<svg viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"{''.join(drawn)}</svg>"
    )
