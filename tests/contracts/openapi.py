"""Checks requests and answers against a vendor's OpenAPI 3.0 document."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import yaml
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4

from sandbox.vendor import VendorAnswer, VendorRequest

ROOT = "urn:vendor"


class OpenApi:
    """One document. `prefix` is the path of its server, which requests carry before the document's paths."""

    def __init__(self, file: Path, prefix: str = "") -> None:
        text = file.read_text().replace("\t", " ")  # UPS's YAML has tabs, which YAML forbids
        document = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
        self._spec: dict[str, Any] = _meant(document)
        for base in _bases(self._spec):
            self._spec["components"]["schemas"][base].pop("additionalProperties", None)
        self._prefix = prefix
        self._registry: Registry[Any] = Registry().with_resource(ROOT, DRAFT4.create_resource(self._spec))

    def problems(self, request: VendorRequest, answer: VendorAnswer) -> list[str]:
        """All that is wrong with an exchange by the document; empty if nothing is."""
        operation = self._operation(request)
        if operation is None:
            return [f"{request.method} {request.path} is not in the document"]
        return [
            *self._parameters(operation, request),
            *self._request_body(operation, request),
            *self._answer_body(operation, answer),
        ]

    def schema_problems(self, name: str, value: Any) -> list[str]:  # noqa: ANN401 -- any JSON
        """What is wrong with a value by a schema of components/schemas."""
        return self._check({"$ref": f"#/components/schemas/{name}"}, value)

    def _operation(self, request: VendorRequest) -> dict[str, Any] | None:
        path = request.path.removeprefix(self._prefix)
        # A literal path wins over a template, as OpenAPI has it.
        for template in sorted(self._spec["paths"], key=lambda t: t.count("{")):
            pattern = re.sub(r"\\\{[^}]*\\\}", "[^/:]+", re.escape(template))
            if re.fullmatch(pattern, path):
                found: dict[str, Any] | None = self._spec["paths"][template].get(request.method.lower())
                return found
        return None

    def _parameters(self, operation: dict[str, Any], request: VendorRequest) -> list[str]:
        known = {(p["in"], p["name"]): p for p in operation.get("parameters", [])}
        query = parse_qs(request.query_string, keep_blank_values=True)
        wrong = [f"unknown parameter {name}" for name in query if ("query", name) not in known]
        for (place, name), parameter in known.items():
            values = query.get(name, []) if place == "query" else [request.header(name)]
            if place == "path":
                continue
            if parameter.get("required") and not any(values):
                wrong.append(f"missing {place} parameter {name}")
            for value in filter(None, values):
                wrong += [f"{name}: {problem}" for problem in self._text(parameter["schema"], value)]
        return wrong

    def _text(self, schema: dict[str, Any], value: str) -> list[str]:
        """A parameter's text, read as the type that the document gives it."""
        kind = self._resolved(schema).get("type")
        if kind in ("integer", "number") and re.fullmatch(r"-?\d+", value):
            return self._check(schema, int(value))
        if kind == "boolean" and value in ("true", "false"):
            return []
        return self._check(schema, value)

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in schema:
            return schema
        found: dict[str, Any] = self._registry.resolver(ROOT).lookup(schema["$ref"]).contents
        return found

    def _request_body(self, operation: dict[str, Any], request: VendorRequest) -> list[str]:
        content = operation.get("requestBody", {}).get("content", {})
        if not content:
            return ["a body that the document does not know"] if request.body else []
        if "application/json" not in content:
            return []
        return self._check(content["application/json"]["schema"], request.json())

    def _answer_body(self, operation: dict[str, Any], answer: VendorAnswer) -> list[str]:
        described = operation["responses"].get(str(answer.status))
        if described is None:
            return [f"status {answer.status} is not in the document"]
        content = described.get("content", {}).get("application/json")
        if content is None or "schema" not in content:
            return [f"a body with status {answer.status}"] if answer.body else []
        return self._check(content["schema"], json.loads(answer.body))

    def _check(self, schema: dict[str, Any], value: Any) -> list[str]:  # noqa: ANN401 -- any JSON
        located = json.loads(json.dumps(schema).replace('"#/', f'"{ROOT}#/'))
        validator = OAS30Validator(located, registry=self._registry, format_checker=oas30_format_checker)
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def _meant(part: Any) -> Any:  # noqa: ANN401 -- any JSON
    """The document as it is meant.

    Nothing counts beside a $ref (OpenAPI 3.0). And ShipBob's document has `additionalProperties: false`
    stamped on every schema: where alternatives stand beside it instead of properties, it would forbid
    everything, the document's own examples too.
    """
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            return {"$ref": part["$ref"]}
        if part.get("additionalProperties") is False and "properties" not in part:
            part = {key: value for key, value in part.items() if key != "additionalProperties"}
        return {key: _meant(value) for key, value in part.items()}
    return [_meant(value) for value in part] if isinstance(part, list) else part


def _bases(part: Any) -> set[str]:  # noqa: ANN401 -- any JSON
    """Names of the schemas that others extend by allOf: what they do not know themselves is allowed there."""
    if isinstance(part, list):
        return set().union(*(_bases(value) for value in part))
    if not isinstance(part, dict):
        return set()
    extended = {base["$ref"].rsplit("/", 1)[1] for base in part.get("allOf", []) if "$ref" in base}
    return extended.union(*(_bases(value) for value in part.values()))
