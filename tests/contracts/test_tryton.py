"""Tryton's models (fields_get of 8.2) and recordings against connector, sandbox and mapping."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses

from connectors.contract import Outcome, Window
from connectors.runtime import Runtime
from connectors.wms.tryton import SHIPMENT_FIELDS, Tryton
from normalization.records import Address, Picklist, PicklistLine
from normalization.wms import tryton as mapping
from sandbox.merchant import build_world
from sandbox.mounted import Exchange, mount
from sandbox.vendors.tryton import TrytonVendor
from sandbox.world import World
from tests.contracts.test_vendure import shape, unlike

BASE = "https://erp.example"
WMS = "tryton-lyon"
RECORDED = Path(__file__).parents[1] / "fixtures" / "tryton"
KINDS: dict[str, tuple[type, ...]] = {
    "char": (str,),
    "text": (str,),
    "selection": (str,),
    "integer": (int,),
    "float": (float, int),
    "boolean": (bool,),
    "many2one": (int, dict),
    "reference": (str,),
    "one2many": (list,),
    "many2many": (list,),
    "multiselection": (list,),
    "date": (dict,),
    "timestamp": (dict,),
    "datetime": (dict,),
}
"""JSON types of Tryton's field types over REST. None is allowed for each."""
MODELS_WITHOUT_SPEC = ("party.", "country.", "currency.", "company.", "carrier", "stock.lot", "product.uom")

Spec = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def specs(contracts: Path) -> dict[str, Spec]:
    files = (contracts / "specs/tryton").glob("fields_get.*.json")
    return {file.name.removeprefix("fields_get.").removesuffix(".json"): load(file) for file in files}


@pytest.fixture
def world() -> World:
    return build_world(5)


@pytest.fixture
def exchanges(world: World) -> Iterator[list[Exchange]]:
    """Everything that the connector asks for once, and what it was answered."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        seen = mount(mock, BASE, TrytonVendor(world, WMS))
        settings = {"base_url": BASE, "database": "wms", "company": "1"}
        connector = Tryton(WMS, settings, {"key": TrytonVendor.key}, Runtime())
        stock = world.sites["LYS"].stock
        skus = [
            next(sku for sku, places in stock.items() if bool(places[0].lot) is lot) for lot in (True, False)
        ]
        picklist = Picklist(
            reference="H-1",
            warehouse="LYS",
            site="LYS",
            order_number="1",
            placed_at=world.now,
            lines=tuple(PicklistLine(line_id=sku, sku=sku, quantity=2) for sku in skus),
            ship_to=Address(name="A", street=("1 Road",), city="Boston", region="MA", country_code="US"),
            ship_by=world.now,
        )
        pushed = connector.write("push_picklist", mapping.push_picklist(picklist), "H-1")
        wms_id = pushed.vendor_ref or ""
        amended = connector.write("amend_picklist", mapping.amend_picklist(picklist, wms_id), "H-1")
        assert (pushed.outcome, amended.outcome) == (Outcome.APPLIED, Outcome.APPLIED)
        connector.read_one("shipments", wms_id)
        shipment = world.shipments[WMS, wms_id]
        for state in ("picked", "packed"):
            world.set_state(shipment, state)
            connector.read_one("shipments", wms_id)
        world.ship(shipment, "UPS", "1Z1")
        for stream in connector.streams:
            list(connector.read(stream, Window(world.now, world.now)))
        yield seen


def test_every_field_that_is_asked_for_exists(specs: dict[str, Spec], exchanges: list[Exchange]) -> None:
    asked = set()
    for exchange in exchanges:
        model = model_of(exchange)
        for field in exchange.request.query.get("f", ()):
            check_path(specs, model, field)
            asked.add((model, field))
    assert {("stock.shipment.out", field) for field in SHIPMENT_FIELDS} <= asked


def test_every_domain_uses_fields_that_can_be_searched(
    specs: dict[str, Spec], exchanges: list[Exchange]
) -> None:
    searched = 0
    for exchange in exchanges:
        if not exchange.request.param("d"):
            continue
        for path in clause_paths(json.loads(base64.urlsafe_b64decode(exchange.request.param("d")))):
            found = check_path(specs, model_of(exchange), path)
            assert found is None or found["searchable"]
            searched += 1
    assert searched > 10


def test_every_value_that_is_written_fits_its_field(
    specs: dict[str, Spec], exchanges: list[Exchange]
) -> None:
    written = set()
    for exchange in exchanges:
        if exchange.request.method not in ("POST", "PUT") or model_of(exchange) not in specs:
            continue
        for model, values in records_written(specs, model_of(exchange), exchange.request.json()):
            for name, value in values.items():
                spec = specs[model][name]
                assert value is None or isinstance(value, (*KINDS.get(spec["type"], ()), dict)), (name, value)
                written.add((model, name))
            missing = {
                name for name in ("product", "unit", "quantity") if model == "stock.move"
            } - values.keys()
            assert not missing or "lot" in values
    assert {("stock.shipment.out", "reference"), ("stock.move", "product"), ("stock.move", "lot")} <= written


def test_what_the_sandbox_answers_has_the_types_of_the_fields(
    specs: dict[str, Spec], exchanges: list[Exchange]
) -> None:
    checked = 0
    for exchange in exchanges:
        answer = json.loads(exchange.answer.body)
        for record in answer if isinstance(answer, list) else [answer]:
            checked += check_record(specs, record)
    assert checked > 100


@pytest.mark.parametrize("name", ["assigned", "short", "done", "bin"])
def test_what_the_real_server_answered_has_the_types_of_the_fields(specs: dict[str, Spec], name: str) -> None:
    record = load(RECORDED / f"{name}.json")
    assert check_record(specs, {**record, "warehouse": None} if name == "bin" else record) > 0


@pytest.mark.parametrize("name", ["assigned", "short", "done"])
def test_the_sandbox_answers_in_the_shape_of_the_real_server(name: str, exchanges: list[Exchange]) -> None:
    imitated = [
        json.loads(exchange.answer.body)
        for exchange in exchanges
        if exchange.request.method == "GET" and "packages.parent" in exchange.request.query.get("f", ())
    ]
    flat = [each for one in imitated for each in (one if isinstance(one, list) else [one])]
    assert list(unlike(shape([load(RECORDED / f"{name}.json")]), shape(flat), "shipment")) == []


def test_the_states_are_those_of_the_field(specs: dict[str, Spec]) -> None:
    words = {word for word, _ in specs["stock.shipment.out"]["state"]["selection"]}
    assert words == set(mapping.STATES)


@pytest.mark.parametrize("name", ["shipment_out_read.json", "shipment_out_search_read_open.json"])
def test_the_recorded_json_rpc_answers_name_the_same_states_and_times(contracts: Path, name: str) -> None:
    """The recordings are of another protocol, but of the same models: states, dates and nulls."""
    answer = load(contracts / "payloads/tryton" / name)["response"]
    result = answer["result"]
    assert result
    for record in result:
        assert record["state"] in mapping.STATES
        assert record["write_date"] is None or record["write_date"]["__class__"] == "datetime"


def load(file: Path) -> Any:  # noqa: ANN401
    return json.loads(file.read_text())


def model_of(exchange: Exchange) -> str:
    return exchange.request.path.split("/")[4]


def check_path(specs: dict[str, Spec], model: str, path: str) -> dict[str, Any] | None:
    """The field at the end of a path; None where it leads into a model without a specification."""
    name, _, rest = path.partition(".")
    if model not in specs:
        assert model.startswith(MODELS_WITHOUT_SPEC), model
        return None
    assert name in specs[model], f"{model}.{name}"
    return check_path(specs, specs[model][name]["relation"], rest) if rest else specs[model][name]


def clause_paths(domain: list[Any]) -> Iterator[str]:
    for part in domain:
        if isinstance(part, list) and part and isinstance(part[0], str) and part[0] != "OR":
            yield part[0]
        elif isinstance(part, list):
            yield from clause_paths(part)


def records_written(specs: dict[str, Spec], model: str, values: Any) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401
    """The values of a body, and of the records that it makes or changes inside."""
    yield model, values
    for name, value in values.items():
        relation = str(specs[model][name].get("relation"))
        for change in value if specs[model][name]["type"] == "one2many" else ():
            assert change[0] in ("create", "write", "delete")
            inner = change[1] if change[0] == "create" else [change[2]] if change[0] == "write" else []
            for record in inner:
                yield from records_written(specs, relation, record)


def check_record(specs: dict[str, Spec], record: dict[str, Any]) -> int:
    """How many values of a record, and of the records inside, were checked."""
    checked, spec = 0, specs.get(record["__name__"])
    for name, value in record.items():
        inner = value if isinstance(value, list) else [value]
        for one in inner:
            if isinstance(one, dict) and "__name__" in one:
                checked += check_record(specs, one)
        if spec is None or name in ("id", "__name__", "products", "lots") or value is None:
            continue
        assert isinstance(value, KINDS[spec[name]["type"]]), (record["__name__"], name, value)
        checked += 1
    return checked
