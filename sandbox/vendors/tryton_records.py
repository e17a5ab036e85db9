"""Tryton's way of asking: domains over records, and the fields that an answer shall hold."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

Record = dict[str, Any]


class UnknownField(KeyError):
    """The model has no such field; the real server answers 500."""


def stamp(moment: datetime | None) -> Record | None:
    """A time as Tryton's JSON has it: UTC, with microseconds."""
    if moment is None:
        return None
    moment = moment.astimezone(UTC)
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime"} | {part: getattr(moment, part) for part in parts}


def day(value: date | None) -> Record | None:
    """A date as Tryton's JSON has it."""
    if value is None:
        return None
    return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}


def holds(record: Record, domain: Sequence[Any]) -> bool:
    """Whether a record is in a domain: clauses that all hold, or any of them after "OR"."""
    if domain and domain[0] == "OR":
        return any(_clause(record, part) for part in domain[1:])
    return all(_clause(record, part) for part in domain)


def project(record: Record, fields: Sequence[str]) -> Record:
    """The asked fields. A relation by itself is its id; with a dotted field it is an object."""
    answer: Record = {"id": record["id"], "__name__": record["__name__"]}
    nested: dict[str, list[str]] = {}
    for field in fields:
        name, _, rest = field.partition(".")
        if name not in record:
            raise UnknownField(name)
        if rest:
            nested.setdefault(name, []).append(rest)
        elif name not in nested:
            answer[name] = _plain(record[name])
    for name, inner in nested.items():
        value = record[name]
        if isinstance(value, list):
            answer[name] = [project(one, inner) for one in value]
        else:
            answer[name] = project(value, inner) if value else None
    return answer


def _plain(value: Any) -> Any:  # noqa: ANN401 -- any field
    if isinstance(value, list) and value and isinstance(value[0], dict) and "__name__" in value[0]:
        return [one["id"] for one in value]
    if isinstance(value, dict) and "__name__" in value:
        return value["id"]
    return value


def _clause(record: Record, clause: Sequence[Any]) -> bool:
    if not clause or isinstance(clause[0], list) or clause[0] == "OR":
        return holds(record, clause)
    name, operator, wanted = clause[:3]
    return any(_compare(value, operator, _comparable(wanted)) for value in _values(record, name.split(".")))


def _values(record: Record, path: Sequence[str]) -> list[Any]:
    """The values at the end of a path; several where it goes through a list, none where it breaks off."""
    if path[0] not in record:
        raise UnknownField(path[0])
    value = record[path[0]]
    if len(path) == 1:
        return [_comparable(_plain(value))]
    inner = value if isinstance(value, list) else [value] if value else []
    return [found for one in inner for found in _values(one, path[1:])]


def _comparable(value: Any) -> Any:  # noqa: ANN401 -- any field
    if isinstance(value, Mapping) and "year" in value:
        names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return tuple(value.get(name, 0) for name in names)
    return value


def _compare(value: Any, operator: str, wanted: Any) -> bool:  # noqa: ANN401 -- any field
    match operator:
        case "=":
            return bool(value == wanted)
        case "!=":
            return bool(value != wanted)
        case "in":
            return value in wanted
        case ">":
            return value is not None and bool(value > wanted)
        case ">=":
            return value is not None and bool(value >= wanted)
        case "child_of":
            return value in wanted
    raise UnknownField(operator)
