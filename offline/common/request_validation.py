"""Requests checked against botocore's description of a service: members, types, lengths, patterns, closed lists."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from offline.common.wire import AwsError


@functools.cache
def _described(service: str) -> Any:
    return botocore.session.Session().get_service_model(service)


class Model:
    """The operations of one service."""

    def __init__(self, service: str) -> None:
        self._service = _described(service)

    def parse(self, operation: str, body: bytes) -> dict[str, Any]:
        """The request in `body`.

        Raises:
            AwsError: it is no JSON object, or no request that the service's description allows.
        """
        try:
            request = json.loads(body or b"{}")
        except ValueError as error:
            raise AwsError("SerializationException", f"the body is not JSON: {error}") from error
        if not isinstance(request, dict):
            raise AwsError("SerializationException", "the body is not a JSON object")
        shape = self._service.operation_model(operation).input_shape
        report = ParamValidator().validate(request, shape)
        if report.has_errors():
            raise AwsError("ValidationException", report.generate_report())
        problems = list(_problems(shape, request, ""))
        if problems:
            count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
            raise AwsError("ValidationException", f"{count}: {'; '.join(problems)}")
        return request


def _problems(shape: Any, value: Any, path: str) -> Iterator[str]:
    """What botocore leaves to the service: closed lists, patterns, greatest lengths."""
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
        # Unicode classes are beyond `re`; names that have them are checked by nothing else either.
        if pattern and "\\p{" not in pattern and not re.fullmatch(pattern, value):
            yield f"{start} regular expression pattern: {pattern}"
    elif shape.type_name == "integer" and value > shape.metadata.get("max", value):
        yield (
            f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have value less than or equal to"
            f" {shape.metadata['max']}"
        )


def _too_long(shape: Any, value: Any, path: str) -> Iterator[str]:
    most = shape.metadata.get("max")
    if most is not None and len(value) > most:
        yield f"Value at '{path}' failed to satisfy constraint: Member must have length less than or equal to {most}"
