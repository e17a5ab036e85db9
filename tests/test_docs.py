"""What README.md and docs/ say of the code is compared with the code."""

import ast
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
import typer
import yaml

from connectors import errors
from connectors.contract import Operation, ReadMode, Safety, Stream
from connectors.registry import KINDS, connector_class
from normalization import money, records, registry
from normalization.errors import Reason
from normalization.registry import Context
from normalization.statuses import OrderStatus, StockBasis
from normalization.verification import HoldCode
from order_store import outbox, picklists
from order_store.imbalances import IMBALANCE
from pipelines.cli.app import app
from pipelines.services.conservation import RULES
from pipelines.services.ingest import STORE_REFUSED

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])
MODELS = ROOT / "analytics" / "dbt" / "models"


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"no heading {heading!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows, headings left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    heads = {number - 1 for number, row in enumerate(cells) if set("".join(row)) <= set("-|: ")}
    return [row for number, row in enumerate(cells) if number not in heads | {head + 1 for head in heads}]


def codes(cells: Iterator[str] | list[str]) -> set[str]:
    return {code for cell in cells for code in re.findall(r"`([^`]+)`", cell)}


def first_cells(page: str, heading: str) -> set[str]:
    return codes([row[0] for row in rows(section((DOCS / page).read_text(), heading))])


# --- the connectors


def reading(stream: Stream) -> str:
    minutes = int(stream.lookback.total_seconds() / 60)
    every = int(stream.every.total_seconds() / 60)
    how = {
        ReadMode.CHANGES: f"changes, {minutes} min look-back",
        ReadMode.CREATED: "back-fill by day",
        ReadMode.BY_KEY: "one by one",
        ReadMode.SNAPSHOT: f"snapshot, every {every} min" if every else "snapshot",
    }
    return f"`{stream.name}` ({how[stream.mode]})"


WORDS = {
    Safety.KEYED: "keyed",
    Safety.SETS_VALUE: "sets a value",
    Safety.LOOK_UP: "look up",
    Safety.AT_MOST_ONCE: "at most once",
}


def writing(operation: Operation) -> str:
    return f"`{operation.name}`: {WORDS[operation.safety]}"


STOCK = {
    "shipbob": b'{"levels": {"inventory_id": 1, "sku": "A",'
    b' "locations": [{"location_id": 1, "fulfillable_quantity": 2}]}}',
    "tryton": b'{"id": 1, "code": "B", "name": "B", "warehouse": {"id": 2, "code": "W"}, "lots": [],'
    b' "products": [{"id": 3, "code": "A", "quantity": 2}]}',
}


def basis(connector: str) -> str:
    if connector not in KINDS["wms"]:
        return ""
    context = Context("wms", datetime(2026, 11, 2, tzinfo=UTC))
    (level,) = registry.wms(connector).stock(STOCK[connector], context)
    return {StockBasis.PHYSICAL: "physical", StockBasis.NET_OF_ACCEPTED: "net of accepted"}[level.basis]


def test_the_readme_s_connectors_are_the_registry_s() -> None:
    expected = []
    for name in (name for family in KINDS.values() for name in family):
        vendor = connector_class(name)
        reads = ", ".join(reading(stream) for stream in vendor.streams.values())
        writes = ", ".join(writing(operation) for operation in vendor.operations.values())
        expected.append([f"`{name}`", reads, writes, basis(name)])
    written = rows(section((ROOT / "README.md").read_text(), "Connectors"))
    assert [[row[0], *row[2:]] for row in written] == expected
    assert all(row[1] for row in written)


def test_every_setting_of_a_connector_that_the_example_gives_is_one() -> None:
    """The README tells people to copy hub.example.yaml."""
    for connection in yaml.safe_load((ROOT / "hub.example.yaml").read_text())["connections"]:
        vendor = connector_class(connection["connector"])
        assert (
            set(vendor.settings)
            <= set(connection["settings"])
            <= {*vendor.settings, *vendor.optional_settings}
        )
        assert set(connection["secrets"]) == set(vendor.secrets)


# --- commands, targets, variables, links


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not hasattr(group, "commands"):
        yield path
        return
    for name, command in group.commands.items():
        yield from commands(command, (*path, name))


COMMAND_LINE: Any = typer.main.get_command(app)


def test_every_command_stands_in_the_readme() -> None:
    cells = codes([row[0] for row in rows(section((ROOT / "README.md").read_text(), "Commands"))])
    written = {" ".join(word for word in cell.split()[1:] if re.fullmatch("[a-z]+", word)) for cell in cells}
    assert written == {" ".join(path) for path in commands(COMMAND_LINE)}


def invocations() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = page.read_text()
        found = re.findall(r"`(orderhub [^`]+)`", text)
        found += re.findall(r"^\$ (orderhub .+)$", text, re.MULTILINE)
        yield from ((page.name, line) for line in found)


@pytest.mark.parametrize(("page", "line"), sorted(set(invocations())))
def test_a_command_that_a_page_names_exists_with_its_options(page: str, line: str) -> None:
    command, words = COMMAND_LINE, shlex.split(line)[1:]
    while words and hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, f"{page}: orderhub has no {name}"
        command = command.commands[name]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known | {"--help"}


def test_targets_that_pages_name_are_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:`|\$ )make ([a-z-]+)", page.read_text())}
    assert {"run", "test"} <= named <= targets


def test_variables_that_pages_name_are_read_by_somebody() -> None:
    folders = ("analytics", "connectors", "order_store", "pipelines", "tests")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    code = "".join(path.read_text() for path in paths)
    named = {name for page in PAGES for name in re.findall(r"\bORDERHUB_[A-Z]+\b", page.read_text())}
    assert {name for name in named if name not in code} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    local = [target for target in targets if not target.startswith(("http://", "https://"))]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_files_and_tests_that_pages_name_exist() -> None:
    names = r"`((?:tests|connectors|normalization|order_store|pipelines|sandbox|warehouse_routing)/[\w./]+)`"
    named = {name for page in PAGES for name in re.findall(names, page.read_text())}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_scenarios_that_the_readme_cites_are_in_the_tests_it_cites() -> None:
    promises = section((ROOT / "README.md").read_text(), "What it promises, and where that is proved")
    for _promise, held_by in rows(promises):
        (file,) = codes([held_by])
        text = (ROOT / file).read_text()
        numbers = [int(number) for number in re.findall(r"S(\d+)", held_by)]
        if " to " in held_by:
            numbers = list(range(numbers[0], numbers[1] + 1))
        assert [number for number in numbers if not re.search(rf"def test_\w*s{number:02d}_", text)] == []


# --- words


def members(kind: type[StrEnum]) -> set[str]:
    return {member.value for member in kind}


def test_every_hold_has_a_remedy() -> None:
    assert first_cells("operating.md", "Why an order waits") == members(HoldCode) | {IMBALANCE}


def test_every_reason_for_quarantine_has_a_remedy() -> None:
    assert first_cells("operating.md", "Quarantine") == members(Reason) | {STORE_REFUSED}


def test_every_state_of_a_message_and_a_picklist_is_explained() -> None:
    assert first_cells("operating.md", "Messages: the outbox") == members(outbox.State)
    assert first_cells("operating.md", "Picklists") == members(picklists.State)


def test_every_error_of_a_connector_is_explained() -> None:
    tree = ast.parse(Path(errors.__file__).read_text())
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)} - {"ConnectorError"}
    assert first_cells("operating.md", "Errors of a connection") == classes


def test_every_status_of_an_order_is_defined() -> None:
    section_of = section((DOCS / "definitions.md").read_text(), "Quantities are the truth")
    assert {row[0] for row in rows(section_of)} == members(OrderStatus)


def test_every_conservation_rule_is_explained() -> None:
    assert set(RULES) <= codes([section((DOCS / "operating.md").read_text(), "What does not add up")])


def records_of(kind: Any, found: dict[str, type[msgspec.Struct]]) -> None:  # noqa: ANN401 -- any annotation
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__name__ not in found:
        found[kind.__name__] = kind
        for field in msgspec.structs.fields(kind):
            records_of(field.type, found)
    for inner in getattr(kind, "__args__", ()):
        records_of(inner, found)


def test_every_field_of_the_canonical_order_is_explained() -> None:
    found: dict[str, type[msgspec.Struct]] = {}
    records_of(records.CanonicalOrder, found)
    assert money.Money in found.values()
    for name, kind in found.items():
        assert first_cells("canonical-order.md", name) == set(kind.__struct_fields__), name


def models(folder: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load((MODELS / folder / f"{folder}.yml").read_text())["models"])


@pytest.mark.parametrize("folder", ["kpis", "facts", "dimensions"])
def test_every_column_of_the_kpi_file_stands_on_its_page_as_dbt_describes_it(folder: str) -> None:
    text = (DOCS / "kpis.md").read_text()
    common = {tuple(row) for row in rows(section(text, "KPI tables"))} if folder == "kpis" else set()
    for model in models(folder):
        written = {tuple(row) for row in rows(section(text, model["name"]))}
        expected = {(f"`{column['name']}`", column["description"]) for column in model["columns"]}
        assert written <= expected <= written | common, model["name"]


def test_every_kpi_table_stands_in_the_readme() -> None:
    cells = codes([row[0] for row in rows(section((ROOT / "README.md").read_text(), "For analysts"))])
    assert cells == {model["name"] for model in models("kpis")}
