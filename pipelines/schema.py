"""The canonical order's JSON Schema, made from the records themselves.

`python -m pipelines.schema` prints it; docs/canonical-order.schema.json is that output, and a test compares.
"""

import json
from inspect import cleandoc
from typing import Any

import msgspec

from normalization.records import CanonicalOrder


def canonical_order_schema() -> dict[str, Any]:
    """The schema of one line that `orderhub normalize` prints (JSON Schema 2020-12)."""
    schema = msgspec.json.schema(CanonicalOrder)
    for record in schema["$defs"].values():
        if "description" in record:
            # A docstring, of which Python 3.13 takes the indentation off and earlier ones do not.
            record["description"] = cleandoc(record["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Canonical order", **schema}


if __name__ == "__main__":
    print(json.dumps(canonical_order_schema(), indent=2))
