"""The examples in the pages on configuration, verification and routing are run as they stand."""

import doctest
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from normalization.verification import HoldCode
from pipelines.config import HubConfig, load_config
from pipelines.config_errors import models_in
from warehouse_routing.plan import Cause

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", ["verification.md", "routing.md", "simulation.md"])
def test_python_examples_give_what_they_show(page: str) -> None:
    source = "".join(blocks(page, "python"))
    test = doctest.DocTestParser().get_doctest(source, {}, page, page, 0)
    report: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert results.attempted > 0
    assert results.failed == 0, "".join(report)


def test_the_small_file_loads(tmp_path: Path) -> None:
    (example,) = blocks("configuration.md", "yaml")
    path = tmp_path / "hub.yaml"
    path.write_text(example)
    config = load_config(path, {"SHOP_TOKEN": "a", "WMS_TOKEN": "b", "EASYPOST_KEY": "c"})
    assert [one.kind for one in config.connections] == ["channel", "wms", "carrier"]


def fields_of(model: type[BaseModel]) -> set[str]:
    found = set(model.model_fields)
    for field in model.model_fields.values():
        for inner in models_in(field.annotation):
            found |= fields_of(inner)
    return found


def test_every_key_stands_on_the_page() -> None:
    text = (DOCS / "configuration.md").read_text()
    assert [name for name in sorted(fields_of(HubConfig)) if not re.search(rf"\b{name}\b", text)] == []


def test_every_reason_stands_on_its_page() -> None:
    text = (DOCS / "verification.md").read_text()
    assert [code for code in HoldCode if f"`{code}`" not in text] == []
    assert [cause for cause in Cause if f"`{cause}`" not in (DOCS / "routing.md").read_text()] == []
