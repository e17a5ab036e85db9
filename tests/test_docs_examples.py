"""The examples in README.md and docs/ are run as they stand."""

import json
import re
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import jsonschema
import msgspec
import pytest
from typer.testing import CliRunner

from analytics.build import build
from analytics.extract import extract
from analytics.publish import stamp
from normalization import registry
from normalization.money import exponent
from normalization.records import CanonicalOrder
from normalization.registry import Context
from order_store.connections import connection_id
from order_store.orders import apply_orders
from order_store.outbox import State, claim, enqueue, settle
from order_store.quarantine import Failure, quarantine_records
from pipelines.cli.app import app
from pipelines.hub import open_hub
from pipelines.services.kpis import kpi_file
from tests.analytics.conftest import ROWS, WAREHOUSES, make_store
from tests.normalization.shopify_orders import Json, bag, canonical, line, raw, refund, shipped

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
ORDER = DOCS / "examples" / "woocommerce-order.json"
READ_AT = datetime(2026, 11, 2, 9, 35, tzinfo=UTC)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def run(source: str, name: str) -> ModuleType:
    """Run a page's code as a module, so that its classes can be found by the libraries that look for them."""
    module = ModuleType(name)
    sys.modules[name] = module
    try:
        exec(compile(source, name, "exec"), module.__dict__)  # noqa: S102 -- our own pages
    finally:
        del sys.modules[name]
    return module


# --- the canonical order


def example() -> CanonicalOrder:
    return registry.channel("woocommerce").order(ORDER.read_bytes(), Context("woo-de", READ_AT))


def test_the_worked_example_is_what_the_mapping_makes() -> None:
    (shown,) = blocks(DOCS / "canonical-order.md", "json")
    assert json.loads(shown) == json.loads(msgspec.json.encode(example()))


def test_the_worked_example_and_what_normalize_prints_keep_to_the_schema() -> None:
    done = CliRunner().invoke(app, ["normalize", "woocommerce", str(ORDER)])
    assert done.exit_code == 0
    (printed,) = done.stdout.splitlines()
    schema = json.loads((DOCS / "canonical-order.schema.json").read_text())
    for order in (json.loads(printed), json.loads(msgspec.json.encode(example()))):
        jsonschema.validate(order, schema)


def lines_sum(order: CanonicalOrder) -> int:
    assert order.lines
    assert order.totals
    parts = (*order.lines, *(order.shipping or ()), *(order.charges or ()))
    assert sum(part.total.minor for part in parts) == order.totals.total.minor
    for part in order.lines:
        assert part.net + part.tax == part.total
        assert part.gross - part.discount == (part.total if order.taxes_included else part.net)
    return order.totals.total.minor


def discount_of_20_percent() -> Json:
    return line(
        1,
        2,
        "48.0",
        currentQuantity=1,
        discountAllocations=[{"allocatedAmountSet": bag("19.2"), "discountApplication": {"code": "TWENTY"}}],
        priceAfterAllDiscountsBeforeTaxesSet=bag("38.4"),
    )


def ten_returned() -> Json:
    sold = line(
        1,
        10,
        "23.9",
        currentQuantity=0,
        unfulfilledQuantity=0,
        discountAllocations=[
            {"allocatedAmountSet": bag("59.75"), "discountApplication": {"title": "Quarter"}}
        ],
        taxLines=[{"title": "VAT", "rate": 0.2, "priceSet": bag("29.88")}],
    )
    return raw(
        sold,
        total="179.25",
        totalTaxSet=bag("29.88"),
        currentTotalPriceSet=bag("0.0"),
        fulfillments=[shipped(10)],
        refunds=[refund(1, 10, "RETURN", "179.25")],
    )


def seen_in_isk() -> Json:
    shown = ("1755", "ISK")
    total = bag("10.0", "GBP", shown)
    currencies = {"currencyCode": "GBP", "presentmentCurrencyCode": "ISK"}
    sold = line(1, 1, "10.0", originalUnitPriceSet=total)
    return raw(sold, total="10.0", totalPriceSet=total, currentTotalPriceSet=total, **currencies)


def test_the_figures_of_the_money_rules_are_what_the_mappings_make() -> None:
    page = (DOCS / "canonical-order.md").read_text()
    removed = canonical(raw(discount_of_20_percent(), total="76.8", currentTotalPriceSet=bag("38.4")))
    rounded, returned, foreign = example(), canonical(ten_returned()), canonical(seen_in_isk())
    assert removed.lines
    assert rounded.lines
    assert rounded.charges
    assert returned.totals
    assert foreign.totals
    assert foreign.totals.buyer_total
    sold = removed.lines[0]
    for words in (
        f"gross {sold.gross.minor}, discount {sold.discount.minor}, total {sold.total.minor}",
        f"line total {rounded.lines[0].total.minor}, a charge `rounding` of {rounded.charges[0].total.minor},"
        f" total {lines_sum(rounded)}",
        f"total {returned.totals.total.minor}, refunded {returned.totals.refunded.minor}",
        f"total {foreign.totals.total.minor} GBP, buyer_total {foreign.totals.buyer_total.minor} ISK",
    ):
        assert words in page
    assert [lines_sum(one) for one in (removed, returned, foreign)] == [3840, 17925, 1000]


# --- adding a connector


def test_the_connector_of_the_guide_works() -> None:
    module = run("\n".join(blocks(DOCS / "connectors.md", "python")), "guide")
    assert module.found.tracking_number == "A1"


# --- routing from Python


def test_the_routing_example_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    page = DOCS / "routing-solver.md"
    run(*blocks(page, "python"), "routing_example")
    assert capsys.readouterr().out == "".join(blocks(page, "text"))


# --- analysts


@pytest.fixture(scope="module")
def kpi_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the hub's KPI file lies where the pages say."""
    folder = tmp_path_factory.mktemp("hub")
    engine = make_store(folder / "store.db", ROWS)
    with engine.connect() as tx, tx.begin():
        extract(tx, folder / "extract", WAREHOUSES, exponent)
    engine.dispose()
    built = folder / ".orderhub" / "kpi" / "orderhub.duckdb"
    built.parent.mkdir(parents=True)
    build(folder / "extract", built, "Europe/Paris", folder / "target")
    stamp(built, READ_AT)
    return folder


QUERIES = [query for page in (ROOT / "README.md", DOCS / "kpis.md") for query in blocks(page, "sql")]


def answers(folder: Path, query: str) -> Sequence[Any]:
    with duckdb.connect(str(folder / ".orderhub/kpi/orderhub.duckdb"), read_only=True) as kpis:
        return kpis.execute(query).fetchall()


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split("\n")[0])
def test_queries_for_analysts_run(kpi_folder: Path, query: str) -> None:
    expects_rows = "o.ship_by < now()" not in query  # no order of the small store is late
    assert bool(answers(kpi_folder, query)) == expects_rows


def test_on_time_dispatch_by_warehouse_is_sums_over_sums(kpi_folder: Path) -> None:
    (query,) = [query for query in QUERIES if "kpi_on_time_dispatch" in query]
    assert answers(kpi_folder, query) == [("LYS", 0.0), ("LAX", 1.0)]


def test_the_readme_s_python_opens_the_file(
    kpi_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(kpi_folder)
    run(*blocks(ROOT / "README.md", "python"), "readme")
    assert "shop" in capsys.readouterr().out


# --- operating


@pytest.fixture
def small_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the small hub.yaml of the page on configuration, and the secrets that it names."""
    (small,) = blocks(DOCS / "configuration.md", "yaml")
    (tmp_path / "hub.yaml").write_text(small)
    for name in ("SHOP_TOKEN", "WMS_TOKEN", "EASYPOST_KEY"):
        monkeypatch.setenv(name, "secret")
    for name in ("ORDERHUB_STATE", "ORDERHUB_SANDBOX", "ORDERHUB_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_lie_where_the_pages_say(small_hub: Path) -> None:
    with open_hub() as hub:
        assert kpi_file(hub) == Path(".orderhub/kpi/orderhub.duckdb")
    assert (small_hub / ".orderhub" / "orders.db").exists()
    assert (small_hub / ".orderhub" / "state").is_dir()


def waiting_hub() -> None:
    """An order whose confirmation the channel refused, and a record in quarantine."""
    with open_hub() as hub, hub.store.begin() as tx:
        shop, now = connection_id(tx, "shop"), hub.clock.now()
        (applied,) = apply_orders(tx, shop, [example()], now=now)
        enqueue(
            tx,
            order_id=applied.order_id,
            connection_id=shop,
            operation="confirm_shipment",
            reference="P-1",
            subject_id=1,
            now=now,
        )
        (row,) = claim(tx, shop, "a sender", now, timedelta(minutes=1), 1)
        assert settle(tx, row, State.REJECTED, now=now, reason="no such carrier")
        quarantine_records(tx, shop, [Failure("orders", "9", "undecodable", "no JSON", "a", 0, now)], now)


def test_the_commands_of_the_page_on_recovery_work(small_hub: Path) -> None:
    """Each is run as it stands; the doctor's vendors are not there, and one may be told of only once."""
    waiting_hub()
    shown = [line for block in blocks(DOCS / "recovery.md", "console") for line in block.splitlines()]
    assert len(shown) > 10
    for command in shown:
        program, *arguments = shlex.split(command.removeprefix("$ "))
        assert program == "orderhub"
        if arguments[0] == "doctor":
            arguments += [] if "--no-vendors" in arguments else ["--no-vendors"]
        result = CliRunner().invoke(app, arguments)
        settled = arguments[:2] in (["outbox", "done"], ["outbox", "dismiss"])
        expected = (0, 1) if settled or arguments[0] == "doctor" else (0,)
        assert result.exit_code in expected, (command, result.output, result.exception)
    assert (small_hub / "backups" / "monday" / "manifest.json").exists()
