from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from offline.common.wire import AwsError, Response, json_response
from offline.engines import Router, arguments, classify


def engine(_method: str, path: str, _headers: Mapping[str, str], _body: bytes) -> Response:
    return json_response({"path": path})


@pytest.fixture
def router() -> Router:
    return Router({"bedrock": engine, "sagemaker": engine}, lambda: {"ready": True})


def add_fault(router: Router, **fault: object) -> None:
    router.handle("POST", "/_faults", {}, json.dumps(fault).encode())


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/model/amazon.nova-micro-v1%3A0/converse", {}, ("bedrock", "Converse")),
        ("/model/amazon.titan-embed-text-v2%3A0/invoke", {}, ("bedrock", "InvokeModel")),
        ("/endpoints/e/invocations", {}, ("sagemaker", "InvokeEndpoint")),
        ("/", {"x-amz-target": "SageMaker.CreateModel"}, ("sagemaker", "CreateModel")),
        ("/", {"authorization": "AWS4-HMAC-SHA256 Credential=k/20261123/us-east-1/ce/aws4_request, x"}, ("ce", "")),
        ("/", {}, ("", "")),
    ],
)
def test_requests_are_classified(path: str, headers: Mapping[str, str], expected: tuple[str, str]) -> None:
    assert classify(path, headers) == expected


def test_health_and_unknown_services(router: Router) -> None:
    assert json.loads(router.handle("GET", "/_health", {}, b"").body) == {"ready": True}
    with pytest.raises(AwsError, match="serve no /nowhere") as caught:
        router.handle("GET", "/nowhere", {}, b"")
    assert caught.value.status == 404


def test_a_fault_hits_the_operation_as_often_as_it_says(router: Router) -> None:
    add_fault(router, service="bedrock", operation="Converse", status=429, code="ThrottlingException", times=2)
    assert router.handle("POST", "/model/m/invoke", {}, b"").status == 200
    for _ in range(2):
        with pytest.raises(AwsError) as caught:
            router.handle("POST", "/model/m/converse", {}, b"")
        assert (caught.value.code, caught.value.status) == ("ThrottlingException", 429)
    assert router.handle("POST", "/model/m/converse", {}, b"").status == 200


def test_faults_are_listed_and_cleared(router: Router) -> None:
    add_fault(router, service="sagemaker", status=503, code="ServiceUnavailable")
    waiting = json.loads(router.handle("GET", "/_faults", {}, b"").body)["faults"]
    assert [(f["service"], f["operation"], f["times"]) for f in waiting] == [("sagemaker", "", 1)]
    router.handle("DELETE", "/_faults", {}, b"")
    assert router.handle("POST", "/endpoints/e/invocations", {}, b"").status == 200


@pytest.mark.parametrize(
    "fault", [{"service": ""}, {"service": "bedrock", "status": 200}, {"service": "bedrock", "tiems": 2}, []]
)
def test_a_malformed_fault_is_refused(router: Router, fault: object) -> None:
    with pytest.raises(AwsError, match="not a fault"):
        router.handle("POST", "/_faults", {}, json.dumps(fault).encode())


def test_the_command_line() -> None:
    chosen = arguments(
        ["--port", "1", "--opensearch-port", "2", "--gateway", "http://localhost:3", "--directory", "d", "--model=tiny"]
    )
    assert (chosen.port, chosen.opensearch_port, chosen.account, chosen.model) == (1, 2, "123456789012", "tiny")
