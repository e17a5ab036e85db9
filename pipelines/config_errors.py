"""All that is wrong with a hub.yaml, told at once: the key's path, what is wrong, and the remedy."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from pipelines.config_file import Place

GOOD_NAME = re.compile(r"[\w-]+")


class ConfigError(Exception):
    """A configuration that cannot be used; `problems` has a line for each thing that is wrong."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{source}: {count}", *(f"  {problem}" for problem in problems)]))


def spoken(place: Place, document: Mapping[str, Any]) -> str:
    """A key's path as people say it; entries of lists by their name or code: `warehouses[lyon].cut_off`."""
    words = ""
    value: Any = document
    for step in place:
        if isinstance(value, list) and isinstance(step, int):
            value = value[step] if step < len(value) else None
            named = value.get("name" if "connector" in value else "code") if isinstance(value, dict) else None
            words += f"[{named if isinstance(named, str) and GOOD_NAME.fullmatch(named) else step}]"
        elif isinstance(value, dict):
            value = value.get(step)
            words += f".{step}" if words else str(step)
        # Anything else is pydantic's own step into a union or a key, which nobody wrote.
    return words or "the file"


def told(
    error: ValidationError, root: type[BaseModel], document: Mapping[str, Any], hidden: Iterable[Place]
) -> list[str]:
    """A sentence for each of pydantic's findings. Values at `hidden` places are not quoted."""
    secret = set(hidden)
    return list(dict.fromkeys(_sentence(found, root, document, secret) for found in error.errors()))


def _sentence(
    found: ErrorDetails, root: type[BaseModel], document: Mapping[str, Any], hidden: set[Place]
) -> str:
    place = found["loc"]
    path = spoken(place, document)
    if found["type"] in ("extra_forbidden", "invalid_key"):
        known = list(_model_at(root, place[:-1]).model_fields)
        near = get_close_matches(str(place[-1]), known, n=1)
        remedy = f"Did you mean {near[0]}?" if near else f"Remove it; there are: {', '.join(sorted(known))}."
        return f"{path}: there is no such key. {remedy}"
    field = _field_at(root, place)
    remedy = field.description if field and field.description else "See docs/configuration.md."
    if found["type"] == "missing":
        return f"{path}: is missing. {remedy}"
    if found["type"] == "value_error":
        message = str(found["ctx"]["error"]) if not _is_hidden(place, hidden) else "cannot be used"
        # What is wrong with a section as a whole says its remedy itself.
        return f"{path}: {message}." if isinstance(found["input"], dict) else f"{path}: {message}. {remedy}"
    value = found["input"]
    if isinstance(value, dict | list) or _is_hidden(place, hidden) or (field and not field.repr):
        return f"{path}: cannot be used as it is. {remedy}"
    return f"{path}: {value!r} cannot be used. {remedy}"


def _is_hidden(place: Place, hidden: set[Place]) -> bool:
    return any(place[:length] in hidden for length in range(1, len(place) + 1))


def models_in(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401 -- a type of any form
    """The sections that a field can hold, whatever they are wrapped in."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def _model_at(root: type[BaseModel], place: Place) -> type[BaseModel]:
    model = root
    for step in place:
        field = model.model_fields.get(step) if isinstance(step, str) else None
        if field is not None:
            model = next(iter(models_in(field.annotation)), model)
    return model


def _field_at(root: type[BaseModel], place: Place) -> FieldInfo | None:
    """The innermost field on the way."""
    model, innermost = root, None
    for step in place:
        field = model.model_fields.get(step) if isinstance(step, str) else None
        if field is not None:
            innermost = field
            model = next(iter(models_in(field.annotation)), model)
    return innermost
