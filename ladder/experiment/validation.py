"""Values that people write, turned into the records of `contracts`; what does not fit becomes a problem of one line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pydantic
import yaml

T = TypeVar("T")
Location = tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: where (file, line counted from 1, field), what, and what to do about it."""

    file: str
    what: str
    todo: str
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        what = self.what if self.field is None else f"{self.field}: {self.what}"
        # Values of the user's files are quoted in messages; a message stays one line whatever they hold.
        return " ".join(f"{place}: {what}; {self.todo}".split())


@dataclass(slots=True)
class Problems:
    """Collects what is wrong, so that a person can mend all of it at once."""

    found: list[Problem] = field(default_factory=list)

    def add(self, file: str, what: str, todo: str, *, line: int | None = None, field: str | None = None) -> None:
        self.found.append(Problem(file=file, line=line, field=field, what=what, todo=todo))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced(Generic[T]):
    """A record and where it stands; `line_of` gives the line of one of its fields."""

    value: T
    file: str
    line: int
    lines: dict[Location, int] = field(default_factory=dict)

    def line_of(self, *location: int | str) -> int:
        """The line of the field, or of the nearest thing around it that is written in the file."""
        for end in range(len(location), 0, -1):
            if location[:end] in self.lines:
                return self.lines[location[:end]]
        return self.line


class _Loader(yaml.SafeLoader):
    """SafeLoader that leaves dates as text: no field is a date, and `2026-01-01` should not surprise anybody."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str, name: str, first_line: int, problems: Problems) -> tuple[Any, dict[Location, int]] | None:
    """Plain values and the line of every field; `first_line` lines of the file come before `text`."""
    before = len(problems.found)
    lines: dict[Location, int] = {}
    try:
        loader = _Loader(text)  # reads ahead, so it raises too
        node = loader.get_single_node()
        value = None
        if node is not None:
            for what, todo, line in _yaml_places(node, (), first_line, lines, set()):
                problems.add(name, what, todo, line=line)
            value = loader.construct_document(node) if len(problems.found) == before else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = None if mark is None else mark.line + 1 + first_line
        problems.add(name, f"is not YAML: {error.problem}", "mend the indentation or quote the text", line=place)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problems.add(name, f"is not YAML: {error}", "mend or retype the file")
    return None if len(problems.found) > before else (value, lines)


def _yaml_places(
    node: yaml.Node, at: Location, first_line: int, lines: dict[Location, int], seen: set[int]
) -> Iterator[tuple[str, str, int]]:
    """Notes the line of every field in `lines`; yields what PyYAML lets pass in silence."""
    lines.setdefault(at, node.start_mark.line + 1 + first_line)
    if isinstance(node, yaml.ScalarNode):
        return
    line = node.start_mark.line + 1 + first_line
    if id(node) in seen:
        yield ("a part of the file is repeated with an anchor (&) and an alias (*)", "write it out", line)
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _yaml_places(item, (*at, index), first_line, lines, seen)
    elif isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, item in node.value:
            name = str(key.value)
            if name in names:
                yield (f"{name!r} stands twice", "keep one of the two", key.start_mark.line + 1 + first_line)
            names.add(name)
            lines[(*at, name)] = key.start_mark.line + 1 + first_line
            yield from _yaml_places(item, (*at, name), first_line, lines, seen)


_adapters: dict[Any, pydantic.TypeAdapter[Any]] = {}


def _adapter(cls: Any) -> pydantic.TypeAdapter[Any]:
    if cls not in _adapters:
        _adapters[cls] = pydantic.TypeAdapter(cls)
    return _adapters[cls]


def validated(
    cls: type[T], value: Any, name: str, line: int, lines: dict[Location, int], problems: Problems
) -> Sourced[T] | None:
    """`value` as `cls`, strictly: "12" is no number, 1 is no truth value. Lists become the tuples of the contracts."""
    source: Sourced[Any] = Sourced(value=None, file=name, line=line, lines=lines)
    try:
        text = json.dumps(value, default=_unsuited)
        record = _adapter(cls).validate_json(text, strict=True)
    except pydantic.ValidationError as errors:
        for error in errors.errors(include_url=False):
            location = tuple(error["loc"])
            what, todo = _explained(cls, error["type"], error["msg"], error["input"], location)
            where = _dotted(location) or None
            # A field that is missing has no line of its own: `line_of` gives the thing that lacks it.
            problems.add(name, what, todo, line=source.line_of(*location), field=where)
        return None
    except (TypeError, ValueError, RecursionError) as error:
        problems.add(name, f"holds a value that no field takes ({error})", "use text, numbers, lists", line=line)
        return None
    return Sourced(value=record, file=name, line=line, lines=lines)


def _unsuited(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} {value!r}")


def _explained(cls: type[Any], kind: str, message: str, value: Any, location: Location) -> tuple[str, str]:
    """What pydantic found and what to do about it, in words for people who never heard of pydantic."""
    shown = json.dumps(value, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _known_fields(cls)
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        return "is unknown", f"did you mean {near[0]}?" if near else "remove it, or see the documented fields"
    if kind in ("missing", "missing_argument", "missing_keyword_only_argument"):
        return "is missing", "add it"
    advice = _ADVICE.get(kind, "correct it")
    if kind == "string_type" and isinstance(value, int | float):
        advice = "put it in quotes"
    return f"{message[0].lower()}{message[1:]}, not {shown}", advice


_ADVICE = {
    "string_type": "write text",
    "int_type": "write a whole number without quotes",
    "int_from_float": "write a whole number",
    "float_type": "write a number without quotes",
    "bool_type": "write true or false without quotes",
    "tuple_type": "write a list",
    "dict_type": "write one `name: value` a line",
    "dataclass_type": "write the fields as `name: value`",
}


def _known_fields(cls: Any) -> tuple[str, ...]:
    """The names of all fields of `cls` and of the records inside it."""
    schema = json.dumps(_adapter(cls).json_schema())
    found: set[str] = set()
    _walk(json.loads(schema), found.update)
    return tuple(sorted(found))


def _walk(schema: Any, note: Callable[[list[str]], None]) -> None:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            note(list(schema["properties"]))
        for value in schema.values():
            _walk(value, note)


def _dotted(location: Location) -> str:
    """`gate[0].metric` for ("gate", 0, "metric")."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")
