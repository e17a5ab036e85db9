import json
from pathlib import Path

from pipelines.schema import canonical_order_schema

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_committed_schema_is_the_records_own() -> None:
    """If this fails: python -m pipelines.schema > docs/canonical-order.schema.json"""
    committed = json.loads((DOCS / "canonical-order.schema.json").read_text())
    assert committed == json.loads(json.dumps(canonical_order_schema()))
