"""The one fault store: what it takes, refuses, lists and clears."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offline.common.faults import Fault, Faults

MOMENTS = ("before", "after", "item")


def control(faults: Faults, method: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    return faults.control(method, body, services=("s3", "opensearch"), aliases={"es": "opensearch"}, when=MOMENTS)


def add(faults: Faults, **fault: object) -> None:
    assert control(faults, "POST", json.dumps(fault).encode())[0] == 200


def codes(faults: Faults, *requests: tuple[str, ...], when: tuple[str, ...] = ("before",)) -> list[str | None]:
    taken = [faults.take(*request, when=when) for request in requests]
    return [fault.code if fault else None for fault in taken]


def test_faults_are_taken_in_order_and_counted() -> None:
    faults = Faults()
    add(faults, service="s3", operation="Put", code="First", times=2)
    add(faults, service="s3", code="Second")
    assert codes(faults, ("dynamodb", "PutItem")) == [None]
    assert codes(faults, *[("s3", "GET /b", "PutObject")] * 4) == ["First", "First", "Second", None]


def test_a_quota_lets_so_many_requests_of_each_minute_pass() -> None:
    now = [59.0]
    faults = Faults(lambda: now[0])
    add(faults, service="s3", operation="Get", code="Slow", per_minute=2)
    one = ("s3", "GetObject")
    assert codes(faults, one, ("s3", "PutObject"), one, one, one) == [None, None, None, "Slow", "Slow"]
    now[0] = 60.0
    assert codes(faults, one, one, one) == [None, None, "Slow"]
    now[0] = 600.0
    assert codes(faults, one) == [None]
    control(faults, "DELETE")
    assert codes(faults, one, one, one) == [None, None, None]


def test_a_fault_can_let_requests_pass_first() -> None:
    faults = Faults()
    add(faults, service="s3", code="Late", skip=2, times=2)
    assert codes(faults, *[("s3", "GetObject")] * 5) == [None, None, "Late", "Late", None]
    assert control(faults, "POST", b'{"service": "s3", "skip": -1}')[0] == 400


def test_a_quota_stands_beside_other_faults() -> None:
    faults = Faults(lambda: 0.0)
    add(faults, service="s3", code="Slow", per_minute=1)
    add(faults, service="s3", code="Broken", times=1)
    one = ("s3", "GetObject")
    assert codes(faults, one, one, one) == ["Broken", "Slow", "Slow"]
    assert control(faults, "POST", b'{"service": "s3", "per_minute": 0}')[0] == 400


def test_a_fault_waits_for_its_moment() -> None:
    faults = Faults()
    add(faults, service="opensearch", when="item", code="Item")
    assert codes(faults, ("opensearch", "POST /_count"), when=("before", "after")) == [None]
    assert codes(faults, ("opensearch", "POST /_bulk"), when=MOMENTS) == ["Item"]


def test_faults_are_listed_and_cleared_and_services_have_aliases() -> None:
    faults = Faults()
    add(faults, service="es", status=503, times=5)
    fault = {"service": "opensearch", "operation": "", "status": 503, "code": "InternalServerError", "times": 5}
    assert control(faults, "GET") == (200, {"faults": [{**fault, "when": "before", "per_minute": None, "skip": 0}]})
    assert control(faults, "DELETE") == (200, {"faults": []})
    assert len(faults) == 0
    assert control(faults, "PUT")[0] == 405


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "Expecting property name"),
        ("[]", "a fault is a JSON object"),
        ('{"operation": "x"}', "service: missing"),
        ('{"service": ""}', "service: expected the name of a service"),
        ('{"service": "s3", "code": 5}', "operation and code must be text"),
        ('{"service": "s3", "often": 1}', "unknown fields: often"),
        ('{"service": "s3", "status": 200}', "status: 200 is not an error status (400 to 599)"),
        ('{"service": "s3", "times": 0}', "times: 0 is not a positive number"),
        ('{"service": "s3", "when": "never"}', "when: 'never' is not one of before, after, item"),
        ('{"service": "s4"}', "service 's4' does not answer here"),
    ],
)
def test_a_wrong_fault_is_refused_in_one_line(body: str, message: str) -> None:
    faults = Faults()
    status, document = control(faults, "POST", body.encode())
    assert status == 400
    assert document["message"].startswith(f"fault: {message}")
    assert len(faults) == 0


def test_a_fault_says_what_it_is() -> None:
    assert Fault(service="s3", code="SlowDown").message == "injected fault: SlowDown"
