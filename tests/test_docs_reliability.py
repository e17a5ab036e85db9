"""Every promise of docs/reliability.md names a test, and that test exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", PAGE)))


@pytest.mark.parametrize("name", NAMED)
def test_the_test_that_is_named_exists(name: str) -> None:
    file, _, function = name.partition("::")
    assert (ROOT / file).is_file(), f"there is no {file}"
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_its_test() -> None:
    promises = PAGE.partition("\n## Trying it")[0]
    rows = [line for line in promises.splitlines() if line.startswith("|") and not set(line) <= set("|- ")]
    without = [row for row in rows if not row.startswith("| promise") and "::" not in row]
    assert not without
    assert NAMED
