"""A simulation as one HTML file that loads nothing: figures, maps, charts, and where stock should be."""

from collections.abc import Callable
from decimal import Decimal
from html import escape

from normalization.money import exponent
from pipelines.simulation.answer import above_bound_percent, total_minor
from pipelines.simulation.charts import Bar, draw_bars, draw_groups
from pipelines.simulation.drawing_map import colours_of, draw_map, frame_of
from pipelines.simulation.figures import Figures
from pipelines.simulation.hindsight import Worth
from pipelines.simulation.page_style import STYLE
from pipelines.simulation.play import Outcome, Simulation

MOST_WORTH = 25
"""Rows of the table of scarce goods."""


def page_of(simulation: Simulation) -> str:
    """The whole page. It holds no personal data: destinations are rounded to half a degree."""
    name = simulation.scenario.figures.name if simulation.scenario else "the window played again"
    since, until = (moment.strftime("%-d %B %Y, %H:%M") for moment in (simulation.since, simulation.until))
    body = [
        f"<h1>What would have happened: {escape(name)}</h1>",
        f'<p class="soft">{since} to {until} UTC · {simulation.happened.orders:,} orders in'
        f" {simulation.waves:,} waves · money in {escape(simulation.currency)}</p>",
        _cards(simulation),
        "<h2>Side by side</h2>",
        _table(simulation),
        "<h2>Who ships where</h2>",
        _maps(simulation),
        '<div class="two"><section><h2>Cost, and the least it could be</h2>',
        _costs(simulation),
        "</section><section><h2>Parcels by warehouse</h2>",
        _parcels(simulation),
        "</section></div><h2>Where stock should be</h2>",
        _worth(simulation),
        "<h2>What to know</h2><ul>",
        *(f"<li>{escape(note)}</li>" for note in simulation.notes),
        "</ul>",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>orderhub simulate: {escape(name)}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def money(minor: float, currency: str) -> str:
    """An amount for people, without its currency."""
    digits = exponent(currency)
    return f"{Decimal(round(minor)).scaleb(-digits):,.{digits}f}"


def _plans(simulation: Simulation) -> list[tuple[str, str, Figures, Outcome | None]]:
    """Class, heading, figures and outcome of each plan."""
    found: list[tuple[str, str, Figures, Outcome | None]] = [
        ("happened", "Happened", simulation.happened, None),
        ("replayed", "Played again", simulation.replayed.figures, simulation.replayed),
    ]
    if simulation.scenario:
        found.append(("scenario", "Scenario", simulation.scenario.figures, simulation.scenario))
    return found


def _compared(simulation: Simulation) -> tuple[Figures, Figures, str]:
    """What is compared with what, and what the latter is called."""
    if simulation.scenario:
        return simulation.scenario.figures, simulation.replayed.figures, "than played as it is"
    return simulation.replayed.figures, simulation.happened, "than what happened"


def _cards(simulation: Simulation) -> str:
    new, old, words = _compared(simulation)
    currency = simulation.currency
    cards = [
        _card(
            "Cost with waiting",
            money(total_minor(simulation, new), currency),
            total_minor(simulation, new) - total_minor(simulation, old),
            lambda value: money(value, currency),
            words,
        ),
        _card("Parcels", f"{new.parcels:,}", new.parcels - old.parcels, _count, words),
        _card(
            "Kilometres",
            f"{new.distance_km:,}",
            new.distance_km - old.distance_km,
            _count,
            words,
        ),
        _card(
            "Late parcels",
            f"{new.promised - new.on_time:,}",
            (new.promised - new.on_time) - (old.promised - old.on_time),
            _count,
            words,
        ),
        _card(
            "Units waiting at the end",
            f"{new.units_waiting:,}",
            new.units_waiting - old.units_waiting,
            _count,
            words,
        ),
    ]
    return f'<div class="cards">{"".join(cards)}</div>'


def _card(name: str, value: str, change: int, told: Callable[[float], str], words: str) -> str:
    if not change:
        said, kind = f"the same {words.replace('than', 'as')}", ""
    else:
        said, kind = f"{told(abs(change))} {'less' if change < 0 else 'more'} {words}", _kind(change)
    return f'<div class="card"><span>{name}</span><b>{value}</b><span class="{kind}">{said}</span></div>'


def _kind(change: float) -> str:
    return "good" if change < 0 else "bad"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _table(simulation: Simulation) -> str:
    plans = _plans(simulation)
    currency = simulation.currency

    def share(figures: Figures) -> str:
        percent = figures.on_time_percent
        return "nothing promised" if percent is None else f"{percent:.1f} % of {figures.promised:,}"

    def left(figures: Figures) -> str:
        percent = figures.left_on_time_percent
        return "—" if percent is None else f"{percent:.1f} % of {figures.left:,}"

    def above(figures: Figures, outcome: Outcome | None) -> str:
        best = (outcome or simulation.replayed).hindsight
        percent = above_bound_percent(simulation, figures, best)
        return "not known" if percent is None else f"{percent:.1f} %"

    rows: list[tuple[str, list[str]]] = [
        ("Cost of parcels", [money(one.cost_minor, currency) for _, _, one, _ in plans]),
        (
            "… with the price of what waits",
            [money(total_minor(simulation, f), currency) for _, _, f, _ in plans],
        ),
        ("Above the least possible", [above(figures, outcome) for _, _, figures, outcome in plans]),
        ("Parcels", [_count(one.parcels) for _, _, one, _ in plans]),
        ("Parcels beyond one an order", [_count(one.extra_parcels) for _, _, one, _ in plans]),
        ("Kilometres", [_count(one.distance_km) for _, _, one, _ in plans]),
        ("Planned to be on time", [share(one) for _, _, one, _ in plans]),
        ("Left the warehouse on time", [left(one) for _, _, one, _ in plans]),
        ("Orders that had to wait at first", [_count(one.orders_waited) for _, _, one, _ in plans]),
        ("Units that wait at the end", [_count(one.units_waiting) for _, _, one, _ in plans]),
        ("Orders moved before their cut-off", [_count(one.moved) for _, _, one, _ in plans]),
    ]
    head = "".join(f"<th>{heading}</th>" for _, heading, _, _ in plans)
    body = "".join(
        f"<tr><td>{name}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for name, cells in rows
    )
    waiting = money(simulation.waiting_minor, currency)
    return (
        f"<table><caption>A unit that waits at the end is priced at {waiting} {escape(currency)}. Compare the"
        " scenario with “played again”: both come from the same replay.</caption>"
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _maps(simulation: Simulation) -> str:
    sites = list(simulation.replayed.sites)
    new = simulation.scenario or simulation.replayed
    everywhere = [*sites, *(site for site in new.sites if site not in sites)]
    colours = colours_of(
        [site.code for site in everywhere] + [one.assignment.site for one in simulation.happened_parcels]
    )
    frame = frame_of(everywhere, simulation.destinations.values())
    pictures = []
    shown = [
        ("What happened", simulation.happened_parcels, sites),
        ("Scenario" if simulation.scenario else "Played again", new.parcels, list(new.sites)),
    ]
    for title, parcels, here in shown:
        drawn = draw_map(frame, here, parcels, simulation.destinations, colours, title)
        pictures.append(f"<figure><h3>{title}</h3>{drawn}</figure>")
    outside = sum(not frame.shows(place) for place in simulation.destinations.values())
    outside_words = f" {outside:,} orders go to places outside the picture." if outside else ""
    return (
        f'<div class="two">{"".join(pictures)}</div>'
        '<p class="soft">Squares are warehouses; dots are destinations, rounded to half a degree, larger for'
        f" more orders; lines are parcels in the colour of their warehouse.{outside_words}</p>"
    )


def _costs(simulation: Simulation) -> str:
    currency = simulation.currency
    colours = {"happened": "#8a94a3", "replayed": "#56a0d3", "scenario": "#0b4f86"}
    bars = []
    for kind, heading, figures, outcome in _plans(simulation):
        bound = (outcome or simulation.replayed).hindsight.lower_bound_minor
        waiting = simulation.waiting_minor * figures.units_waiting
        words = money(figures.cost_minor + waiting, currency)
        bars.append(Bar(heading, figures.cost_minor, words, colours[kind], waiting, bound))
    drawn = draw_bars(bars, "Cost of each plan")
    return (
        f"<figure>{drawn}<figcaption>Pale: the price of units that wait. Dashed: no plan by these rules could"
        " have cost less, even one that knew all orders beforehand.</figcaption></figure>"
    )


def _parcels(simulation: Simulation) -> str:
    plans = _plans(simulation)
    codes = sorted({code for _, _, figures, _ in plans for code in figures.by_site})
    series = [(heading, figures.by_site, kind) for kind, heading, figures, _ in plans]
    key = "".join(f'<span><i class="{kind}"></i>{heading}</span>' for kind, heading, _, _ in plans)
    return f'<p class="key">{key}</p><figure>{draw_groups(codes, series, "Parcels by warehouse")}</figure>'


def _worth(simulation: Simulation) -> str:
    outcome = simulation.scenario or simulation.replayed
    worth = outcome.hindsight.worth
    if not worth:
        return "<p>No unit more of anything, anywhere, would have made these orders cheaper.</p>"
    most = max(_saving(one) for one in worth) or 1.0
    rows = "".join(
        f'<tr><td>{escape(one.sku)}</td><td class="text">{escape(one.site)}</td>'
        f"<td>{_checked(one, simulation.currency)}</td>"
        f"<td>{money(one.price_minor, simulation.currency)}</td>"
        f'<td class="text"><span class="meter" style="width:{_meter(_saving(one) / most)}px">'
        f"</span></td><td>{one.free:,}</td><td>{one.wanted:,}</td></tr>"
        for one in worth[:MOST_WORTH]
    )
    heads = _cells(
        ("", "SKU"),
        ("text", "Warehouse"),
        ("", "One more unit would have saved"),
        ("", "Price of that unit"),
        ("text", ""),
        ("", "Could be promised there"),
        ("", "Wanted everywhere"),
    )
    more = len(worth) - MOST_WORTH
    rest = f"<p class='soft'>{more:,} more are in the JSON.</p>" if more > 0 else ""
    return (
        "<p>What the first unit more, at that warehouse from the beginning, would have saved in the plan that"
        " knows the whole window: planned again with that unit where a saving is given. Its price is the"
        " estimate that the best bound gives: the bound falls by no more than that.</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{rest}"
    )


def _saving(one: Worth) -> float:
    return one.price_minor if one.checked_minor is None else one.checked_minor


def _checked(one: Worth, currency: str) -> str:
    return "not tried" if one.checked_minor is None else money(one.checked_minor, currency)


def _meter(share: float) -> int:
    return max(2, round(160 * share))


def _cells(*heads: tuple[str, str]) -> str:
    return "".join(f'<th class="{kind}">{head}</th>' for kind, head in heads)
