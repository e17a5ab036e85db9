"""hub.yaml from text to plain values: YAML without its old traps, and ${NAME} out of the environment."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Place = tuple[str | int, ...]
"""Where a value stands in the document: keys and list positions from the top."""

LONGEST = 200_000
"""Characters of a configuration: a hundred times a long one."""
DEEPEST = 50
"""Mappings and lists within each other: the parser in C has no stack for many thousands."""
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


class UnreadableError(Exception):
    """The file cannot be read as a whole."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # ten times as fast
    """YAML 1.2's plain scalars: `NO` is a country and `14:00` a time, neither a boolean nor a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands here twice", key.start_mark
                )
            seen.add(key.value)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|", ["~", "n", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def read_document(path: Path) -> dict[str, Any]:
    """The file's values.

    Raises:
        UnreadableError: If the file is absent or no YAML mapping; the message gives place and remedy.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableError(
            f"the file cannot be read ({error.strerror}). Copy hub.example.yaml to {path} and adapt it."
        ) from error
    except UnicodeDecodeError as error:
        raise UnreadableError(f"byte {error.start + 1} is no UTF-8. Save the file as UTF-8.") from error
    if len(text) > LONGEST:
        raise UnreadableError(f"the file has {len(text)} characters; a hub.yaml has {LONGEST} at most.")
    try:
        _refuse_depth(text)
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 -- a SafeLoader with fewer plain types
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        raise UnreadableError(f"{at}: {error.problem}. Mend the YAML there.") from error
    except yaml.reader.ReaderError as error:
        told = f"character {error.position + 1} is a control character"
        raise UnreadableError(f"{told}. Remove it.") from error
    except ValueError as error:
        raise UnreadableError("it holds a number without end. Mend the number.") from error
    if not isinstance(found, dict):
        raise UnreadableError("the file holds no keys. Copy hub.example.yaml and adapt it.")
    return found


def _refuse_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            at = f"line {event.start_mark.line + 1}" if event.start_mark else "somewhere"
            raise UnreadableError(f"{at}: it nests too deeply. Mend the brackets or the indentation.")


class Expansion:
    """Replaces `${NAME}` and `${NAME:-default}` in all texts.

    Attributes:
        missing: Place and variable that is not set and has no default.
        places: Where something was replaced: such a value is never shown, for it may hold a password.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.missing: list[tuple[Place, str]] = []
        self.places: set[Place] = set()

    def expand(self, value: Any, place: Place = ()) -> Any:  # noqa: ANN401 -- YAML can hold anything
        """The value with its variables replaced, all the way down."""
        if isinstance(value, dict):
            return {key: self.expand(inner, (*place, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.expand(inner, (*place, index)) for index, inner in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        self.places.add(place)
        return _VARIABLE.sub(lambda match: self._value(match, place), value)

    def _value(self, match: re.Match[str], place: Place) -> str:
        default: str | None = match["default"]
        found = self._environ.get(match["name"], default)
        if found is None:
            self.missing.append((place, match["name"]))
            return ""
        return found
