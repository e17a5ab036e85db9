"""The pictures of a simulation, and what it may change."""

import re
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from pipelines.config import HubConfig, load_config
from pipelines.config_routing import SafetyStock
from pipelines.problems import ProblemError
from pipelines.sandbox_secrets import sandbox_environ
from pipelines.simulation.charts import Bar, draw_bars, draw_groups
from pipelines.simulation.drawing_map import cell_of, colours_of, draw_map, frame_of
from pipelines.simulation.hindsight import ever_free
from pipelines.simulation.page import money
from pipelines.simulation.scenario import Changes, changed
from pipelines.simulation.shelves import steadiest
from warehouse_routing.plan import Assignment
from warehouse_routing.policy import Strategy
from warehouse_routing.problem import Location, Precision, Site
from warehouse_routing.rolling_replay import Shipped

CONFIG = Path(__file__).resolve().parents[2] / "hub.sandbox.yaml"


def exact(lat: float, lon: float) -> Location:
    return Location(lat, lon, Precision.EXACT)


@pytest.fixture(scope="module")
def config() -> HubConfig:
    return load_config(CONFIG, sandbox_environ("http://127.0.0.1:9"))


def test_destinations_are_rounded_before_they_are_drawn() -> None:
    assert cell_of(exact(48.8566, 2.3522)) == (49.0, 2.5)
    assert cell_of(Location(46.0, 2.0, Precision.COUNTRY)) is None
    site = Site("PAR", exact(48.8566, 2.3522), "Europe/Paris", time(14))
    parcels = [Shipped(1, Assignment("PAR", (), date(2026, 11, 2), 1.0))]
    frame = frame_of([site], [exact(43.2965, 5.3698)])
    drawn = draw_map(frame, [site], parcels, {1: exact(43.2965, 5.3698)}, colours_of(["PAR"]), "one")
    assert "43.5, 5.5: 1 orders" in drawn
    assert "43.29" not in drawn
    assert drawn.count('class="flow"') == 1


def test_a_far_place_does_not_shrink_the_map() -> None:
    near = [exact(48 + key / 100, 2 + key / 100) for key in range(99)]
    frame = frame_of([], [*near, exact(-33.9, 151.2)])
    assert frame.shows(near[0])
    assert not frame.shows(exact(-33.9, 151.2))


def test_names_are_text_wherever_they_come_from() -> None:
    bars = draw_bars([Bar("<b>", 1.0, "&", "#000", 0.5, 2.0)], "cost")
    groups = draw_groups(["<i>"], [("x<y", {"<i>": 3}, "happened")], "parcels")
    assert "&lt;b&gt;" in bars
    assert "&lt;i&gt;, x&lt;y: 3" in groups
    assert not re.search(r"<[bi]>", bars + groups)


def test_bars_stay_within_the_picture() -> None:
    drawn = draw_bars([Bar("a", 0.0, "0", "#000"), Bar("b", 7.0, "7", "#000", 3.0, 12.0)], "cost")
    ends = [float(x) + float(w) for x, w in re.findall(r'x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawn)]
    assert max(ends) <= 560


def test_amounts_have_the_decimals_of_their_currency() -> None:
    assert [money(1234567, code) for code in ("EUR", "JPY", "KWD")] == ["12,345.67", "1,234,567", "1,234.567"]


def test_what_could_ever_be_promised_is_the_highest_sum() -> None:
    key = ("LYS", "MUG")
    assert ever_free({key: -1}, [{key: 5}, {key: -3}, {key: 2}]) == {key: 4}
    assert ever_free({key: -1}, []) == {}


def test_supply_changes_only_where_snapshots_leave_no_choice() -> None:
    assert steadiest([(10, 10), (8, 10), (7, 12)]) == [10, 10, 10], "units on their way out explain the rest"
    assert steadiest([(10, 12), (30, 33), (31, 40)]) == [12, 31, 31], "goods came in"
    assert steadiest([(10, 12), (2, 5), (3, 9)]) == [10, 3, 3], "goods were lost"
    assert steadiest([]) == []


def test_only_fewer_choices_keep_the_bound() -> None:
    assert Changes(close=("LYS",)).only_less
    assert Changes(close=("LYS",), hold=timedelta(hours=1)).only_less
    assert not Changes(close=("LYS",), policy="cheapest").only_less
    assert not Changes().any


def test_a_policy_file_is_a_routing_section(config: HubConfig, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("routing:\n  strategies: [fastest, cheapest]\n  max_sites: 2\n")
    policy = changed(config, Changes(policy=str(file))).policy
    assert (policy.strategies, policy.max_sites) == ((Strategy.FASTEST, Strategy.CHEAPEST), 2)
    file.write_text("strategy: cheepest\n")
    with pytest.raises(ProblemError, match=r"policy\.yaml: strategy"):
        changed(config, Changes(policy=str(file)))


def test_a_policy_file_brings_its_own_safety_stock(config: HubConfig, tmp_path: Path) -> None:
    """The hub keeps 1 spoon and 2 of all else back; the scenario 5 of all."""
    kept = SafetyStock(default=2, skus={"SPOON": 1})
    config = config.model_copy(update={"routing": config.routing.model_copy(update={"safety_stock": kept})})
    known = {("LYS", "SPOON"): 10, ("LYS", "MUG"): 10}
    file = tmp_path / "policy.yaml"
    file.write_text(f"currency: {config.routing.currency}\nsafety_stock: {{default: 5}}\n")
    assert changed(config, Changes(policy=str(file))).free(known) == {("LYS", "SPOON"): 6, ("LYS", "MUG"): 7}
    assert changed(config, Changes(policy="nearest")).free(known) == known


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("currency: CHF", "its currency is CHF"), ("ranking: [NOWHERE]", "there is no warehouse 'NOWHERE'")],
)
def test_a_policy_file_must_fit_the_hub(config: HubConfig, tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    with pytest.raises(ProblemError, match=complaint):
        changed(config, Changes(policy=str(file)))


def test_stock_is_set_or_added(config: HubConfig, tmp_path: Path) -> None:
    table = tmp_path / "stock.csv"
    table.write_text("warehouse,sku,units\nLYS,MUG,12\nBER,MUG,+3\nBER,POT,-1\n")
    scenario = changed(config, Changes(stock=table))
    free = scenario.free({("LYS", "MUG"): 99, ("BER", "MUG"): 1, ("BER", "POT"): 4})
    assert free == {("LYS", "MUG"): 12, ("BER", "MUG"): 4, ("BER", "POT"): 3}


@pytest.mark.parametrize("row", ["NIX,MUG,1", "LYS,,1", "LYS,MUG,1.5", "LYS,MUG,", "LYS,MUG,+-1", "LYS,MUG"])
def test_a_bad_row_of_stock_is_named_by_its_line(config: HubConfig, tmp_path: Path, row: str) -> None:
    table = tmp_path / "stock.csv"
    table.write_text(f"warehouse,sku,units\nLYS,MUG,1\n{row}\n")
    with pytest.raises(ProblemError, match=r"stock\.csv, line 3: give a warehouse"):
        changed(config, Changes(stock=table))


def test_an_added_warehouse_needs_a_code_of_its_own_and_a_place(config: HubConfig, tmp_path: Path) -> None:
    file = tmp_path / "add.yaml"
    file.write_text("code: LYS\ncoordinates: {lat: 1, lon: 2}\ntime_zone: Europe/Paris\ncut_off: '14:00'\n")
    with pytest.raises(ProblemError, match="there is a warehouse 'LYS' already"):
        changed(config, Changes(add=file))
    file.write_text("warehouses:\n- code: MAD\n  time_zone: Europe/Madrid\n  cut_off: '14:00'\n")
    with pytest.raises(ProblemError, match="neither address nor coordinates"):
        changed(config, Changes(add=file))
    file.write_text("warehouses: MAD\n")
    with pytest.raises(ProblemError, match="no list of warehouses"):
        changed(config, Changes(add=file))
