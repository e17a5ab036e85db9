"""`orderhub simulate`: a past window under other rules, stock or warehouses."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from pipelines.cli.output import ConfigOption, JsonOption, err, out, print_json, print_table
from pipelines.hub import open_hub
from pipelines.problems import ProblemError
from pipelines.simulation.answer import answer_of, total_minor
from pipelines.simulation.figures import Figures
from pipelines.simulation.page import money, page_of
from pipelines.simulation.play import Request, Simulation
from pipelines.simulation.play import simulate as play
from pipelines.simulation.scenario import Changes
from warehouse_routing.policy import Strategy

SHOWN = 10
NAMES = ", ".join(Strategy)


def simulate(
    since: Annotated[
        str | None,
        typer.Option(help="Begin: 2026-11-02 or 2026-11-02T09:00+01:00; default: the first order."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="End, not part of it; default: now.")] = None,
    policy: Annotated[
        str | None, typer.Option(help=f"A YAML file with a routing section, or one of: {NAMES}.")
    ] = None,
    stock: Annotated[
        Path | None,
        typer.Option(
            help='CSV with warehouse,sku,units: "12" sets what is free at the beginning, "+12" adds.'
        ),
    ] = None,
    close: Annotated[
        list[str] | None, typer.Option(help="A warehouse that does not take part; repeat it.")
    ] = None,
    add: Annotated[
        Path | None, typer.Option(help="YAML file with a warehouse as in hub.yaml, or `warehouses:` of them.")
    ] = None,
    hold: Annotated[
        int,
        typer.Option(min=0, help="Minutes for which picklists are held back, so that orders may be moved."),
    ] = 0,
    waiting_price: Annotated[
        int | None, typer.Option(min=0, help="Price of a unit that waits at the end, in minor units (cents).")
    ] = None,
    time_limit: Annotated[
        float, typer.Option(min=0.1, help="Seconds for each plan that knows the whole window.")
    ] = 60.0,
    html: Annotated[Path | None, typer.Option(help="Write one HTML file with a map and charts.")] = None,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Play a past window again: what would it have cost under another policy, stock, or set of warehouses?

    Orders come as they came and stock as it did; routing decides anew, wave by wave. Nothing is written to
    the store and nothing is sent. Without any change it shows how near a replay comes to what happened, how
    far both are from the best that could have been, and where one more unit would have saved most.

    Examples: orderhub simulate --policy cheapest --html out.html; orderhub simulate --close LYS --json;
    orderhub simulate --since 2026-11-01 --until 2026-11-08 --stock more.csv
    """
    changes = Changes(policy, stock, tuple(close or ()), add, timedelta(minutes=hold))
    request = Request(
        _moment(since, "--since"), _moment(until, "--until"), changes, waiting_price, seconds=time_limit
    )
    with open_hub(config) as hub, Progress(console=err, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        found = play(hub, request, told)
    if html:
        try:
            html.write_text(page_of(found), encoding="utf-8")
        except OSError as error:
            raise ProblemError(f"{html} cannot be written: {error.strerror}") from error
    if as_json:
        print_json(answer_of(found))
    else:
        _show(found, html)


def _moment(text: str | None, option: str) -> datetime | None:
    """A moment as written; without an offset it is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ProblemError(
            f"{option} {text!r} is no date; write 2026-11-02 or 2026-11-02T09:00+01:00"
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _known(minor: float | None, currency: str) -> str:
    return "not known" if minor is None else money(minor, currency)


def _show(found: Simulation, html: Path | None) -> None:
    plans: list[Figures] = [found.happened, found.replayed.figures]
    heads = ["happened", "played again"]
    if found.scenario:
        plans.append(found.scenario.figures)
        heads.append(found.scenario.figures.name)
    bounds = [found.replayed.hindsight] * 2 + ([found.scenario.hindsight] if found.scenario else [])
    rows: list[list[object]] = [
        [f"cost, {found.currency}", *(money(one.cost_minor, found.currency) for one in plans)],
        ["with what waits", *(money(total_minor(found, one), found.currency) for one in plans)],
        ["least possible", *(_known(one.lower_bound_minor, found.currency) for one in bounds)],
        ["parcels", *(one.parcels for one in plans)],
        ["beyond one an order", *(one.extra_parcels for one in plans)],
        ["kilometres", *(one.distance_km for one in plans)],
        ["planned on time, %", *(one.on_time_percent for one in plans)],
        ["orders that waited", *(one.orders_waited for one in plans)],
        ["units waiting at the end", *(one.units_waiting for one in plans)],
    ]
    title = (
        f"{found.happened.orders} orders, {found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC"
    )
    print_table(title, ("", *heads), rows)
    worth = (found.scenario or found.replayed).hindsight.worth
    if worth:
        print_table(
            f"One more unit would have saved, {found.currency}",
            ("SKU", "warehouse", "saved", "at most", "free there", "wanted"),
            (
                (
                    one.sku,
                    one.site,
                    None if one.checked_minor is None else money(one.checked_minor, found.currency),
                    money(one.price_minor, found.currency),
                    one.free,
                    one.wanted,
                )
                for one in worth[:SHOWN]
            ),
        )
    for note in found.notes:
        out.print(f"- {note}", highlight=False)
    if html:
        out.print(f"{html} has maps and charts", highlight=False, soft_wrap=True)
