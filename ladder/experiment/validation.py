"""Values that people write, turned into the records of `contracts`; each misfit becomes a problem of one line."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Generic, TypeVar, cast

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file, or one line of it, that values come from. What is wrong with them is added to `problems`.

    `lines` holds the line of each field, where fields stand on lines of their own.
    """

    file: str
    problems: list[Problem]
    line: int | None = None
    lines: dict[Location, int] = field(default_factory=dict)

    def problem(self, what: str, todo: str, *location: int | str) -> None:
        """Add a problem of the field at `location`, or of the whole."""
        line, name = self.line_of(*location), dotted(location) or None
        self.problems.append(Problem(file=self.file, line=line, field=name, what=what, todo=todo))

    def line_of(self, *location: int | str) -> int | None:
        """Return the line of the field, or of the nearest thing around it that is written in the file."""
        nearest = (location[:end] for end in range(len(location), 0, -1))
        return next((self.lines[place] for place in nearest if place in self.lines), self.line)

    def at(self, line: int) -> Source:
        """Return the source of one line of the file."""
        return replace(self, line=line, lines={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced(Generic[T]):
    """A record and where it stands."""

    value: T
    source: Source


class _Loader(yaml.SafeLoader):
    """SafeLoader that leaves dates as text: no field is a date."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str, source: Source, *, lines_before: int = 0) -> tuple[Any] | None:
    """Return the plain values of a text, or None and problems. The line of every field is put into `source.lines`."""
    before = len(source.problems)
    value = None
    try:
        loader = _Loader(text)  # reads ahead, so it raises too
        node = loader.get_single_node()
        if node is not None:
            _read_places(node, (), source, lines_before, set())
            if len(source.problems) == before:
                value = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = source if mark is None else source.at(mark.line + 1 + lines_before)
        place.problem(f"is not YAML: {error.problem}", "fix the indentation or quote the text")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        source.problem(f"is not YAML: {error}", "fix or retype the file")
    return (value,) if len(source.problems) == before else None


def _read_places(node: yaml.Node, location: Location, source: Source, lines_before: int, seen: set[int]) -> None:
    """Note the line of every field, and add as problems what PyYAML lets pass in silence."""
    line = node.start_mark.line + 1 + lines_before
    source.lines.setdefault(location, line)
    if isinstance(node, yaml.ScalarNode):
        return
    if id(node) in seen:
        source.at(line).problem("a part of the file is repeated with an anchor (&) and an alias (*)", "write it out")
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _read_places(item, (*location, index), source, lines_before, seen)
    elif isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, item in node.value:
            name, line = str(key.value), key.start_mark.line + 1 + lines_before
            if name in names:
                source.at(line).problem(f"{name!r} stands twice", "keep one of the two")
            names.add(name)
            source.lines[(*location, name)] = line
            _read_places(item, (*location, name), source, lines_before, seen)


@cache
def _adapter(cls: Any) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(cls)


def validated(cls: type[T], value: Any, source: Source) -> Sourced[T] | None:
    """Return `value` as `cls`, or None and problems. Strict: "12" is not a number, 1 is not a truth value."""
    try:
        record = _adapter(cast(Any, cls)).validate_json(json.dumps(value, default=_unsuited), strict=True)
    except pydantic.ValidationError as errors:
        for error in errors.errors(include_url=False):
            location = tuple(error["loc"])
            source.problem(*_explained(cls, error["type"], error["msg"], error["input"], location), *location)
        return None
    except (TypeError, ValueError, RecursionError) as error:
        source.problem(f"holds a value that no field takes ({error})", "use text, numbers, lists")
        return None
    return Sourced(value=record, source=source)


def _unsuited(value: Any) -> Any:
    raise TypeError(f"{type(value).__name__} {value!r}")


def _explained(cls: type[Any], kind: str, message: str, value: Any, location: Location) -> tuple[str, str]:
    """Return what pydantic found and what to do about it, in words for people who do not know pydantic."""
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


def _known_fields(cls: Any) -> list[str]:
    """Return the names of all fields of `cls` and of the records inside it."""
    schema = _adapter(cls).json_schema()
    records = (schema, *schema.get("$defs", {}).values())
    return sorted({name for record in records for name in record.get("properties", ())})


def dotted(location: Location) -> str:
    """Return `gate[0].metric` for ("gate", 0, "metric")."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")
