"""Who may import whom. The picture stands in docs/architecture.md."""

import ast
from pathlib import Path

import pytest

from connectors import registry as connectors_registry
from normalization import registry as normalization_registry

ROOT = Path(__file__).resolve().parents[1]
OURS = {
    "analytics",
    "connectors",
    "definitions",
    "normalization",
    "order_store",
    "pipelines",
    "sandbox",
    "warehouse_routing",
}
CANONICAL = {"normalization.records", "normalization.statuses", "normalization.money"}
ALLOWED: dict[str, set[str]] = {
    "connectors": set(),
    "normalization": set(),
    "analytics": set(),
    "sandbox": set(),
    "order_store": CANONICAL,
    "warehouse_routing": CANONICAL,
    "pipelines": OURS - {"definitions"},
    "definitions": {"pipelines"},
}


def files_of(package: str) -> list[Path]:
    folder = ROOT / package
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{package}.py"]


def imports_of(path: Path) -> set[str]:
    """Full names of all modules that a file imports, wherever in the file it does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def may_import(package: str, name: str) -> bool:
    top = name.split(".")[0]
    if top not in OURS or top == package:
        return True
    allowed = ALLOWED[package]
    return top in allowed or any(name == good or name.startswith(f"{good}.") for good in allowed)


@pytest.mark.parametrize("package", sorted(OURS))
def test_imports_only_run_in_the_house_direction(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files_of(package)
        for name in sorted(imports_of(path))
        if not may_import(package, name)
        and not any(good.startswith(f"{name}.") or good == name for good in ALLOWED[package])
    ]
    assert wrong == []


def test_every_connector_has_a_mapping_and_the_other_way_round() -> None:
    assert set(connectors_registry.CHANNELS) == set(normalization_registry.CHANNELS)
    assert set(connectors_registry.WMSS) == set(normalization_registry.WMSS)
    assert set(connectors_registry.CARRIERS) == set(normalization_registry.CARRIERS)


def test_postponed_annotations_are_banned_where_dagster_reads_them() -> None:
    """They break Dagster's context and config annotations (dagster issue 28342)."""
    wrong = [
        str(path.relative_to(ROOT))
        for package in ("pipelines", "definitions")
        for path in files_of(package)
        if "__future__.annotations" in imports_of(path)
    ]
    assert wrong == []
