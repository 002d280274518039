"""Requests checked against botocore's description of a service: members, types, and on demand its constraints."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from offline.common.wire import invalid, parse_object


@functools.cache
def _described(service: str) -> Any:
    return botocore.session.Session().get_service_model(service)


class RequestValidation:
    """The operations of one service. `constraints`: check closed lists, patterns and greatest lengths as well."""

    def __init__(self, service: str, *, constraints: bool = False) -> None:
        self._service = _described(service)
        self._constraints = constraints

    def parse(self, operation: str, body: bytes, **members: str) -> dict[str, Any]:
        """Return the request in `body`, with the `members` that the path carries.

        Raises:
            AwsError: the body is not a JSON object, or not a request that the service's description allows.
        """
        request = parse_object(body) | members
        shape = self._service.operation_model(operation).input_shape
        report = ParamValidator().validate(request, shape)
        if report.has_errors():
            raise invalid(report.generate_report())
        problems = list(_problems(shape, request, "")) if self._constraints else []
        if problems:
            count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
            raise invalid(f"{count}: {'; '.join(problems)}")
        return request


def _problems(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Yield what botocore leaves to the service: closed lists, patterns, greatest lengths."""
    if getattr(shape, "is_document_type", False):
        return  # any JSON is right
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from _problems(shape.members[name], inner, f"{path}.{name}" if path else name)
    elif shape.type_name == "list":
        yield from _too_long(shape, value, path)
        for number, inner in enumerate(value):
            yield from _problems(shape.member, inner, f"{path}[{number}]")
    elif shape.type_name == "map":
        for key, inner in value.items():
            yield from _problems(shape.value, inner, f"{path}.{key}")
    elif shape.type_name == "string":
        yield from _too_long(shape, value, path)
        start = f"Value '{value}' at '{path}' failed to satisfy constraint: Member must satisfy"
        if shape.enum and value not in shape.enum:
            yield f"{start} enum value set: [{', '.join(shape.enum)}]"
        pattern = shape.metadata.get("pattern", "")
        # Unicode classes are beyond `re`; such names stay unchecked.
        if pattern and "\\p{" not in pattern and not re.fullmatch(pattern, value):
            yield f"{start} regular expression pattern: {pattern}"
    elif shape.type_name in ("integer", "long", "float", "double") and value > shape.metadata.get("max", value):
        yield (
            f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have value less than or equal to"
            f" {shape.metadata['max']}"
        )


def _too_long(shape: Any, value: Any, path: str) -> Iterator[str]:
    most = shape.metadata.get("max")
    if most is not None and len(value) > most:
        yield f"Value at '{path}' failed to satisfy constraint: Member must have length less than or equal to {most}"
