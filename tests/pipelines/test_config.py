"""hub.yaml: what it means, and how it says what is wrong."""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.config import ConfigError, HubConfig, load_config
from pipelines.config_file import read_document
from pipelines.sandbox_secrets import sandbox_environ
from sandbox.access import access
from sandbox.merchant import build_world
from warehouse_routing.problem import BackorderRule, Policy, Strategy

ROOT = Path(__file__).resolve().parents[2]
GOOD = """\
merchant: {name: Acme, time_zone: Europe/Paris}
connections:
  - name: shop
    connector: shopify
    fulfil_from: "2026-11-01T00:00:00+01:00"
    settings: {base_url: "https://shop.example"}
    secrets: {access_token: SHOP_TOKEN}
  - name: wms
    connector: shipbob
    settings: {base_url: "https://wms.example", channel_id: 7}
    secrets: {token: WMS_TOKEN}
  - name: track
    connector: easypost
    settings: {base_url: "https://track.example"}
    secrets: {api_key: TRACK_KEY}
warehouses:
  - code: LYON
    address: {city: Lyon, country_code: FR}
    time_zone: Europe/Paris
    cut_off: 14:00
    countries: [FR, NO, DE]
    wms: {connection: wms, site: 1}
carriers: {UPS: track}
"""
ENVIRON = {"SHOP_TOKEN": "shop-value", "WMS_TOKEN": "wms-value", "TRACK_KEY": "track-value"}
Load = Callable[..., HubConfig]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def from_text(text: str, environ: Mapping[str, str] = ENVIRON, **more: bool) -> HubConfig:
        path = tmp_path / "hub.yaml"
        path.write_text(text)
        return load_config(path, environ, **more)

    return from_text


@pytest.fixture
def problems(load: Load) -> Callable[..., list[str]]:
    def of(text: str, environ: Mapping[str, str] = ENVIRON) -> list[str]:
        with pytest.raises(ConfigError) as error:
            load(text, environ)
        return list(error.value.problems)

    return of


Problems = Callable[..., list[str]]


def test_a_small_file_is_enough(load: Load, tmp_path: Path) -> None:
    config = load(GOOD)
    assert config.store.url == "sqlite:///.orderhub/orders.db"
    assert config.catalogue == tmp_path / "catalogue"
    assert [one.name for one in config.enabled("channel")] == ["shop"]
    assert config.connection("wms").kind == "wms"
    assert config.connection("wms").settings["channel_id"] == "7"
    assert config.secrets("shop") == {"access_token": "shop-value"}
    assert config.fulfil_from() == {"shop": datetime(2026, 10, 31, 23, tzinfo=UTC)}
    assert config.routing_policy() == Policy(
        (Strategy.FEWEST_PARCELS,), split=True, max_sites=None, backorder=BackorderRule.SHIP_AVAILABLE
    )


def test_old_yaml_traps_are_no_traps(load: Load) -> None:
    """YAML 1.1 reads NO as false and 14:00 as 840."""
    warehouse = load(GOOD).warehouse("LYON")
    assert warehouse.cut_off == time(14)
    assert warehouse.countries == {"FR", "NO", "DE"}


def test_a_wms_site_names_its_warehouse(load: Load) -> None:
    config = load(GOOD)
    assert config.warehouse_of("wms", "1") == config.warehouse("LYON")
    assert config.warehouse_of("wms", "2") is None


def test_carriers_are_found_by_name_without_regard_to_case_else_by_the_star(load: Load) -> None:
    config = load(GOOD)
    assert config.carrier_connection("ups ") == "track"
    assert config.carrier_connection("DHL") is None
    starred = load(GOOD.replace("carriers: {UPS: track}", 'carriers: {"*": track}'))
    assert starred.carrier_connection("DHL") == "track"
    assert starred.carrier_connection(None) == "track"


def test_policies_reach_the_pure_functions(load: Load) -> None:
    config = load(
        GOOD
        + """\
verification:
  accept_authorized: false
  allow_cash_on_delivery: true
  required: [name, phone]
  minimum_quantities: [{sku: MUG, units: 4}, {connection: shop, units: 2}]
routing:
  safety_stock: {default: 1, skus: {MUG: 5}}
"""
    )
    policy = config.verification_policy()
    assert (policy.accept_authorized, policy.allow_cash_on_delivery) == (False, True)
    assert policy.required == {"name", "phone"}
    assert policy.minimum_quantities == {("*", "MUG"): 4, ("shop", "*"): 2}
    assert policy.fulfil_from == config.fulfil_from()
    safety = config.routing.safety_stock
    assert (safety.units("MUG"), safety.units("TRAY")) == (5, 1)


def test_the_version_follows_what_the_file_says_not_how(load: Load) -> None:
    version = load(GOOD).version
    assert re.fullmatch("[0-9a-f]{12}", version)
    assert load("# a comment\n" + GOOD).version == version
    assert load(GOOD, ENVIRON | {"SHOP_TOKEN": "other"}).version == version
    assert load(GOOD.replace("14:00", "15:00")).version != version


def test_variables_come_from_the_environment_or_their_default(load: Load) -> None:
    text = GOOD.replace("https://shop.example", "${BASE:-http://local}/shop")
    assert load(text).connection("shop").settings["base_url"] == "http://local/shop"
    found = load(text, ENVIRON | {"BASE": "http://there"})
    assert found.connection("shop").settings["base_url"] == "http://there/shop"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "merchant: {name: Acme, time_zone: Europe/Paris}\n",
            "",
            "merchant: is missing. Give name and time_zone.",
        ),
        (
            "time_zone: Europe/Paris}",
            "time_zone: Mars/Base}",
            "merchant.time_zone: 'Mars/Base' is no IANA time zone. "
            'Give an IANA time zone such as "Europe/Paris"; KPI days are local days in it.',
        ),
        (
            "cut_off: 14:00",
            "cut_off: 25:00",
            "warehouses[LYON].cut_off: '25:00' is no time of day. "
            'Give the local time until which orders leave the same day, such as "14:00".',
        ),
        (
            "cut_off: 14:00",
            "cutoff: 14:00\n    cut_off: 14:00",
            "warehouses[LYON].cutoff: there is no such key. Did you mean cut_off?",
        ),
        (
            "carriers: {UPS: track}",
            "carrriers: {UPS: track}",
            "carrriers: there is no such key. Did you mean carriers?",
        ),
        (
            "countries: [FR, NO, DE]",
            "countries: [FR, Norway]",
            "warehouses[LYON].countries[1]: 'Norway' cannot be used. "
            "List the ISO codes of the countries that it ships to, or leave it out for all.",
        ),
        (
            "countries: [FR, NO, DE]",
            "countries: [FR, XX]",
            "warehouses[LYON].countries: 'XX' is no ISO 3166 country. "
            'Write its code in capitals, such as "GB".',
        ),
        (
            "countries: [FR, NO, DE]",
            "holidays: QQ",
            "warehouses[LYON].holidays: no calendar for 'QQ' is known. Leave the key out.",
        ),
        (
            "countries: [FR, NO, DE]",
            "parcels_per_day: -5",
            "warehouses[LYON].parcels_per_day: -5 cannot be used. "
            "Give the most parcels that it packs a day, or leave it out for no limit.",
        ),
        (
            "address: {city: Lyon, country_code: FR}\n    ",
            "",
            "warehouses[LYON]: it has neither address nor coordinates; give one of them.",
        ),
        (
            "connector: shopify",
            "connector: shopfy",
            "connections[shop].connector: there is no connector 'shopfy'. Did you mean shopify?",
        ),
        (
            'settings: {base_url: "https://shop.example"}',
            "settings: {}",
            "connections[shop].settings.base_url: is missing. "
            "Add it: the shop's address, as in https://your-shop.myshopify.com.",
        ),
        (
            'settings: {base_url: "https://shop.example"}',
            'settings: {base_url: "https://shop.example", colour: red}',
            "connections[shop].settings.colour: shopify has no such key. Remove it; there are: base_url, "
            "api_version, page_size, cost_per_second, notify_customer.",
        ),
        (
            "secrets: {access_token: SHOP_TOKEN}",
            "secrets: {}",
            "connections[shop].secrets.access_token: is missing. "
            "Add it: the Admin API access token of the app that is installed in the shop.",
        ),
        (
            '    fulfil_from: "2026-11-01T00:00:00+01:00"\n',
            "",
            "connections[shop].fulfil_from: is missing. Give the moment from which the hub fulfils orders, "
            'with its offset, such as "2026-11-01T00:00:00+01:00"; earlier orders are kept and reported, '
            "never routed.",
        ),
        (
            '"2026-11-01T00:00:00+01:00"',
            '"2026-11-01"',
            "connections[shop].fulfil_from: '2026-11-01' cannot be used. Give the moment from which the hub "
            'fulfils orders, with its offset, such as "2026-11-01T00:00:00+01:00"; earlier orders are kept '
            "and reported, never routed.",
        ),
        (
            "wms: {connection: wms, site: 1}",
            "wms: {connection: shop, site: 1}",
            "warehouses[LYON].wms.connection: there is no wms connection 'shop'. Write one of: wms.",
        ),
        (
            "carriers: {UPS: track}",
            "carriers: {UPS: dhl}",
            "carriers.UPS: there is no carrier connection 'dhl'. Write one of: track.",
        ),
        (
            "name: wms",
            "name: shop",
            "connections[shop].name: 'shop' is used 2 times. Give each its own.",
        ),
        (
            "carriers: {UPS: track}",
            "schedules: {7: x}",
            "schedules.7: there is no such key. Remove it; there are: carriers, channels, dispatch, prune, "
            "publish, routing, wms.",
        ),
        (
            "address: {city: Lyon, country_code: FR}",
            "address: Lyon",
            "warehouses[LYON].address: 'Lyon' cannot be used. Give city, country_code and postal_code.",
        ),
        (
            "carriers: {UPS: track}",
            "schedules: {channels: hourly}",
            "schedules.channels: 'hourly' is no cron line. Write a cron line: when channels are read.",
        ),
        (
            "carriers: {UPS: track}",
            "routing: {strategy: dearest}",
            "routing.strategy: 'dearest' cannot be used. Write one of: cheapest, nearest, fewest_parcels, "
            "fastest, ranked_sites, stay_in_market; or list several under strategies.",
        ),
        (
            "carriers: {UPS: track}",
            "routing: {max_sites: 0}",
            "routing.max_sites: 0 cannot be used. Give the most warehouses of one order, 1 or more.",
        ),
        (
            "carriers: {UPS: track}",
            "store: {url: 'mysql://hub:hush@db/hub'}",
            'store.url: cannot be used as it is. Give "sqlite:///path" or '
            '"postgresql+psycopg://user@host/database", the password through ${NAME}.',
        ),
        (
            "https://shop.example",
            "${SHOP_URL}",
            "connections[shop].settings.base_url: the environment variable SHOP_URL is not set. "
            "Set it, or write ${SHOP_URL:-default}.",
        ),
        (
            "carriers: {UPS: track}",
            "verification: {minimum_quantities: [{connection: store, units: 2}]}",
            "verification.minimum_quantities[0].connection: there is no channel connection 'store'. "
            "Write one of: shop.",
        ),
    ],
)
def test_each_problem_names_its_key_and_the_remedy(
    problems: Problems, old: str, new: str, problem: str
) -> None:
    assert old in GOOD
    assert problem in problems(GOOD.replace(old, new, 1))


def test_two_warehouses_cannot_be_one_site(problems: Problems) -> None:
    start = GOOD.index("  - code: LYON")
    twin = GOOD[start : GOOD.index("carriers:")].replace("LYON", "PARIS")
    text = GOOD.replace("carriers:", twin + "carriers:")
    assert problems(text) == [
        f"warehouses[{code}].wms.site: another warehouse is '1' of wms too. "
        "Give each warehouse a site of its own."
        for code in ("LYON", "PARIS")
    ]


def test_all_problems_are_told_at_once(load: Load) -> None:
    text = GOOD.replace("cut_off: 14:00", "cut_off: noon").replace("name: Acme, ", "")
    with pytest.raises(ConfigError) as error:
        load(text)
    assert str(error.value) == (
        "hub.yaml: 2 problems\n"
        "  merchant.name: is missing. Give the merchant's name.\n"
        "  warehouses[LYON].cut_off: 'noon' is no time of day. "
        'Give the local time until which orders leave the same day, such as "14:00".'
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file holds no keys. Copy hub.example.yaml and adapt it."),
        ("a: 1\na: 2\n", "line 2, column 1: the key 'a' stands here twice. Mend the YAML there."),
        ("a: [1\n", "line 2, column 1: did not find expected ',' or ']'. Mend the YAML there."),
        ("a: " + "[" * 99_000, "line 1: it nests too deeply. Mend the brackets or the indentation."),
    ],
)
def test_a_file_that_is_no_yaml_says_where(problems: Problems, text: str, problem: str) -> None:
    assert problems(text) == [problem]


def places_in(value: object, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*place, step)
        yield from places_in(inner, (*place, step))


@pytest.mark.parametrize("nonsense", [None, -1, "", "x", [], [None], {"a": 1}, {1: 2}, "${NOPE}"])
def test_nonsense_anywhere_ends_in_a_problem_with_a_place_never_in_a_crash(
    load: Load, tmp_path: Path, nonsense: object
) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    document = read_document(tmp_path / "good.yaml")
    for place in places_in(document):
        broken = deepcopy(document)
        holder: Any = broken
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = nonsense
        try:
            load(yaml.safe_dump(broken))
        except ConfigError as error:
            assert all(re.match(r"[\w\[\]. -]+: .+\.$", problem) for problem in error.problems)


def test_a_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the file cannot be read \(No such file or directory\)\. Copy"):
        load_config(tmp_path / "hub.yaml", {})


# --- secrets


def test_a_secret_that_is_not_set_is_named(problems: Problems) -> None:
    assert problems(GOOD, {"SHOP_TOKEN": "x", "TRACK_KEY": ""}) == [
        "connections[wms].secrets.token: WMS_TOKEN is not set. Set it in the environment.",
        "connections[track].secrets.api_key: TRACK_KEY is not set. Set it in the environment.",
    ]


def test_disabled_connections_and_offline_work_need_no_secrets(load: Load) -> None:
    off = GOOD.replace("name: shop\n", "name: shop\n    enabled: false\n", 1)
    assert load(off, {"WMS_TOKEN": "w", "TRACK_KEY": "t"}).enabled("channel") == ()
    assert load(GOOD, {}, with_secrets=False).secrets("shop") == {}


def test_a_secrets_file_serves_what_the_environment_lacks(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "secrets.yaml"
    file.write_text("SHOP_TOKEN: from-file\nWMS_TOKEN: 0123\n")
    file.chmod(0o600)
    config = load(GOOD + "secrets_file: secrets.yaml\n", {"SHOP_TOKEN": "from-env", "TRACK_KEY": "t"})
    assert config.secrets("shop") == {"access_token": "from-env"}
    assert config.secrets("wms") == {"token": "0123"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(problems: Problems, tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secrets.yaml"
    file.write_text("SHOP_TOKEN: hush\n")
    file.chmod(mode)
    assert problems(GOOD + "secrets_file: secrets.yaml\n")[0] == (
        f"secrets_file: {file} may be read by others (mode {mode:04o}). Run: chmod 600 {file}"
    )


def test_a_secret_may_have_a_file_of_its_own(load: Load, problems: Problems, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("own-file\n")
    file.chmod(0o400)
    text = GOOD.replace("access_token: SHOP_TOKEN", "access_token: {file: token}")
    assert load(text).secrets("shop") == {"access_token": "own-file"}
    file.chmod(0o444)
    assert problems(text) == [
        f"connections[shop].secrets.access_token: {file} may be read by others (mode 0444). "
        f"Run: chmod 600 {file}"
    ]


def test_no_secret_is_ever_shown(load: Load, problems: Problems, tmp_path: Path) -> None:
    assert "value" not in repr(load(GOOD))
    assert "hush" not in repr(load(GOOD + "store: {url: 'postgresql+psycopg://hub:hush@db/hub'}\n"))
    pasted = problems(GOOD.replace("SHOP_TOKEN", "shpat_hush"))
    assert pasted == [
        "connections[shop].secrets.access_token: this is no name in capitals. "
        "Write an environment variable's name here, not the secret."
    ]
    for written in ("4711", "[4711]", "{file: 4711}", "{value: 4711}", "{file: x, value: 4711}"):
        (told,) = problems(GOOD.replace("{access_token: SHOP_TOKEN}", f"{{access_token: {written}}}"))
        assert told.startswith("connections[shop].secrets.access_token: this is neither a name nor a file")
        assert "4711" not in told
    file = tmp_path / "secrets.yaml"
    file.write_text("SHOP_TOKEN: [hush\n")
    file.chmod(0o600)
    told = problems(GOOD + "secrets_file: secrets.yaml\n")
    assert told[0] == f"secrets_file: {file} is no YAML. Write one `NAME: value` a line."
    variable = problems(GOOD.replace("14:00", "${CUT_OFF}"), ENVIRON | {"CUT_OFF": "hush"})
    assert not any("hush" in one for one in [*told, *variable])


# --- the files that ship


def test_the_example_is_good() -> None:
    path = ROOT / "hub.example.yaml"
    unlocked = load_config(path, {}, with_secrets=False)
    names = {str(source) for one in unlocked.connections for source in one.secrets.values()}
    config = load_config(path, dict.fromkeys(names, "x"))
    assert {one.kind for one in config.connections} == {"channel", "wms", "carrier"}
    assert {one.name for one in config.connections if not one.enabled} == {"woo-de"}
    assert config.secrets("amazon-uk") == {"client_id": "x", "client_secret": "x", "refresh_token": "x"}


def test_the_sandboxs_file_reaches_every_vendor_of_the_sandbox() -> None:
    url = "http://127.0.0.1:4711"
    config = load_config(ROOT / "hub.sandbox.yaml", sandbox_environ(url))
    reached = access(url)
    assert {one.name: (one.connector, one.settings) for one in config.connections} == {
        name: (one.vendor, one.settings) for name, one in reached.items()
    }
    assert {name: config.secrets(name) for name in reached} == {
        name: one.secrets for name, one in reached.items()
    }
    sites = build_world().sites
    assert {(one.code, one.wms.connection, one.wms.site) for one in config.warehouses} == {
        (one.code, one.wms, one.wms_site) for one in sites.values()
    }
