"""The routing section of hub.yaml: what it means for routing, and what is said where it cannot be used."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.config import ConfigError, HubConfig, load_config
from pipelines.config_sites import routing_sites
from warehouse_routing.policy import Override, Prices, Reconsider, Strategy
from warehouse_routing.tariff import Rate

ROOT = Path(__file__).resolve().parents[2]
LIST_STRATEGIES = f"List up to three of: {', '.join(Strategy)}; the first counts most."


def loaded(folder: Path, routing: Mapping[str, Any], **warehouse: object) -> HubConfig:
    document = yaml.safe_load((ROOT / "hub.example.yaml").read_text(encoding="utf-8"))
    document["routing"] = routing
    document["warehouses"][0] |= warehouse
    (folder / "hub.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return load_config(folder / "hub.yaml", {}, with_secrets=False)


def problems(folder: Path, routing: Mapping[str, Any], **warehouse: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, routing, **warehouse)
    return caught.value.problems


def test_an_old_section_means_what_it_meant(tmp_path: Path) -> None:
    policy = loaded(tmp_path, {"strategy": "nearest_first", "max_sites": 3}).routing_policy()
    assert (policy.strategies, policy.max_sites) == ((Strategy.NEAREST,), 3)
    assert loaded(tmp_path, {}).routing_policy().strategies == (Strategy.FEWEST_PARCELS,)


def test_amounts_become_minor_units_of_the_currency(tmp_path: Path) -> None:
    policy = loaded(
        tmp_path,
        {
            "currency": "JPY",
            "prices": {"backorder": 1200, "split": "50"},
            "reconsider": {"saving": 300, "saving_after_sending": None},
        },
    ).routing_policy()
    assert policy.prices == Prices(1200, None, 50)
    assert policy.reconsider == Reconsider(300, None)
    assert policy.tariff.currency == "JPY"
    euros = loaded(tmp_path, {"prices": {"backorder": 12.5}}, handling={"parcel": 0.8, "unit": "0.15"})
    assert euros.routing_policy().prices.backorder == 1250
    site = next(one for one in routing_sites(euros) if one.code == "LYON")
    assert (site.handling_parcel, site.handling_unit) == (80, 15)


def test_the_whole_section_reaches_the_policy(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("service,price,up_to_km,transit_days\nparcel,6.40,500,2\n")
    config = loaded(
        tmp_path,
        {
            "strategies": ["stay_in_market", "cheapest"],
            "markets": [["DE", "AT"]],
            "tariff": "rates.csv",
            "substitutes": {"MUG": ["MUG-2"]},
            "release_dates": {"TRAY": "2026-12-01"},
            "cancel_after_days": {"default": 30, "skus": {"MUG": 7}},
            "overrides": [
                {"channels": ["amazon-uk"], "strategies": ["fastest"]},
                {"countries": ["US"], "ranking": ["NJ"], "split_lines": True},
            ],
        },
        refused_postal_codes={"FR": ["20", "97 1"]},
        ships_hazardous=False,
    )
    policy = config.routing_policy()
    assert policy.strategies == (Strategy.STAY_IN_MARKET, Strategy.CHEAPEST)
    assert policy.markets == (frozenset({"DE", "AT"}),)
    assert policy.tariff.rates == (Rate("parcel", 640, up_to_km=500.0, transit_days=2),)
    assert policy.substitutes == {"MUG": ("MUG-2",)}
    assert policy.release_dates == {"TRAY": date(2026, 12, 1)}
    assert policy.overrides == (
        Override({"strategies": (Strategy.FASTEST,)}, channels=frozenset({"amazon-uk"})),
        Override({"ranking": ("NJ",), "split_lines": True}, countries=frozenset({"US"})),
    )
    assert [config.routing.cancel_after_days.days(sku) for sku in ("MUG", "TRAY", None)] == [7, 30, 30]
    site = next(one for one in routing_sites(config) if one.code == "LYON")
    assert site.refused_postal_codes == {"FR": ("20", "971")}
    assert not site.ships_hazardous


def test_a_tariff_that_names_an_unknown_warehouse_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("service,price,warehouse\nparcel,6.40,LYON\nparcel,6.40,NIX\n")
    (told,) = problems(tmp_path, {"tariff": "rates.csv"})
    assert told.startswith("routing.tariff: there is no warehouse 'NIX'. There are: ")


def test_the_version_knows_the_tariff_s_rows(tmp_path: Path) -> None:
    rates = tmp_path / "rates.csv"
    rates.write_text("service,price\nparcel,6.40\n")
    before = loaded(tmp_path, {"tariff": "rates.csv"}).version
    assert loaded(tmp_path, {"tariff": "rates.csv"}).version == before
    rates.write_text("service,price\nparcel,6.50\n")
    assert loaded(tmp_path, {"tariff": "rates.csv"}).version != before


@pytest.mark.parametrize(
    ("routing", "told"),
    [
        (
            {"strategy": "cheapest", "strategies": ["nearest"]},
            "routing: it has strategy and strategies; keep one of them.",
        ),
        ({"prices": {"split": "0.505"}}, "routing: split is 0.505, with more decimals than EUR; round it."),
        (
            {"prices": {"late": "soon"}},
            "routing.prices.late: 'soon' cannot be used. Give the price of a parcel that misses its day, "
            'such as "8.00".',
        ),
        (
            {"strategies": ["nearest", "fastest", "nearest"]},
            f"routing.strategies: 'nearest' stands twice; keep the first. {LIST_STRATEGIES}",
        ),
        (
            {"strategies": ["cheapest", "nearest"]},
            "routing.strategies: 'nearest' stands after cheapest, where it decides nothing; put it before or "
            f"remove it. {LIST_STRATEGIES}",
        ),
        (
            {"strategy": "ranked_sites"},
            "routing: ranked_sites needs a ranking; list warehouse codes there, best first.",
        ),
        (
            {"overrides": [{"countries": ["US"], "strategies": ["ranked_sites"]}]},
            "routing: overrides[0]: ranked_sites needs a ranking; list warehouse codes there, best first.",
        ),
        (
            {"split": False, "max_sites": 3},
            "routing: max_sites is 3 where split is false; remove max_sites, or write split: true.",
        ),
        (
            {"split": False, "overrides": [{"countries": ["US"], "max_sites": 2}]},
            "routing: overrides[0]: max_sites is 2 where split is false; remove max_sites, or write "
            "split: true.",
        ),
        (
            {"overrides": [{"split": False}]},
            "routing.overrides[0]: it is for all orders; give channels, services, countries or skus, or "
            "write its rules under routing itself.",
        ),
        (
            {"substitutes": {"MUG": ["MUG-2", "MUG"]}},
            "routing.substitutes: 'MUG' stands among its own substitutes; remove it there.",
        ),
        (
            {"substitutes": {"MUG": ["MUG-2", "MUG-2"]}},
            "routing.substitutes.MUG: 'MUG-2' stands twice; keep the first. Give by SKU the SKUs that may be "
            "sent instead, best first.",
        ),
        (
            {"ranking": ["LYON", "NJ", "LYON"]},
            "routing.ranking: 'LYON' stands twice; keep the first. List warehouse codes, best first.",
        ),
        ({"ranking": ["MARS"]}, "routing.ranking: there is no warehouse 'MARS'. There are: LYON, NJ."),
        (
            {"overrides": [{"channels": ["etsy"], "split": False}]},
            "routing.overrides[0].channels: there is no channel 'etsy'. There are: amazon-uk, shopify-eu, "
            "vendure-us, woo-de.",
        ),
        (
            {"overrides": [{"countries": ["US"]}]},
            "routing.overrides[0]: it changes nothing; give one of: backorder, max_sites, ranking, split, "
            "split_lines, strategies.",
        ),
        (
            {"release_dates": {"MUG": "soon"}},
            "routing.release_dates.MUG: 'soon' is no date. Give by SKU the first day on which it is sent: "
            '"2026-12-01".',
        ),
        (
            {"tariff": "none.csv"},
            "routing.tariff: none.csv: cannot be read (FileNotFoundError). Give a CSV file in UTF-8.",
        ),
    ],
)
def test_each_problem_names_its_key_and_the_remedy(
    tmp_path: Path, routing: dict[str, Any], told: str
) -> None:
    assert problems(tmp_path, routing) == (told,)


def test_rules_that_fit_together_by_way_of_an_override_are_taken(tmp_path: Path) -> None:
    ranked = {"ranking": ["LYON"], "overrides": [{"countries": ["US"], "strategies": ["ranked_sites"]}]}
    assert loaded(tmp_path, ranked).routing_policy().overrides[0].rules["strategies"] == (
        Strategy.RANKED_SITES,
    )
    split = {"split": False, "overrides": [{"countries": ["US"], "split": True, "max_sites": 2}]}
    assert loaded(tmp_path, split).routing_policy().overrides[0].rules["max_sites"] == 2
    assert loaded(tmp_path, {"max_sites": 3, "overrides": [{"skus": ["MUG"], "split": False}]})


def test_work_must_cost_whole_cents(tmp_path: Path) -> None:
    assert problems(tmp_path, {}, handling={"unit": "0.155"}) == (
        "warehouses[LYON].handling.unit: 0.155 has more decimals than EUR. Round it.",
    )


def test_every_bad_row_of_a_tariff_is_told(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text(
        "service,price,up_to_km,countries\nparcel,six,,\n,5.00,,\nparcel,5.001,,\nparcel,5,near,\nparcel,5,,FRA\n"
    )
    assert problems(tmp_path, {"tariff": "rates.csv"}) == (
        "routing.tariff: rates.csv:2: 'six' is no amount; write it as 6.40.",
        "routing.tariff: rates.csv:3: service and price must be given.",
        "routing.tariff: rates.csv:4: 5.001 has more decimals than EUR.",
        "routing.tariff: rates.csv:5: up_to_km is 'near'; write a number.",
        "routing.tariff: rates.csv:6: 'FRA' is no ISO country code; write codes with blanks between them.",
    )
    (tmp_path / "rates.csv").write_text("service,prise\nparcel,5\n")
    assert (
        problems(tmp_path, {"tariff": "rates.csv"})[0]
        == "routing.tariff: rates.csv:1: column price is missing."
    )
