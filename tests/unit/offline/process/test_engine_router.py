"""The engines' port: which engine a request reaches, and what the HTTP server does before it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping

import pytest

from offline.common.http_server import Server
from offline.common.wire import AwsError, Response, json_response
from offline.engines import Router, arguments, service_of


def engine(_method: str, path: str, _headers: Mapping[str, str], body: bytes) -> Response:
    if body == b"broken":
        raise KeyError("part")
    return json_response({"path": path})


@pytest.fixture
def router() -> Router:
    return Router({"bedrock": engine, "sagemaker": engine}, lambda: {"ready": True})


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/model/amazon.nova-micro-v1%3A0/converse", {}, "bedrock"),
        ("/model/amazon.titan-embed-text-v2%3A0/invoke", {}, "bedrock"),
        ("/endpoints/e/invocations", {}, "sagemaker"),
        ("/", {"x-amz-target": "SageMaker.CreateModel"}, "sagemaker"),
        ("/", {"x-amz-target": "AWSInsightsIndexService.GetTags"}, "ce"),
        ("/", {"x-amz-target": "AWSBillingAndCostManagementDataExports.ListExports"}, "bcm-data-exports"),
        ("/_billing", {}, "billing"),
        ("/", {"authorization": "AWS4-HMAC-SHA256 Credential=k/20261123/us-east-1/ce/aws4_request, x"}, "ce"),
        ("/", {}, ""),
    ],
)
def test_requests_find_their_engine(path: str, headers: Mapping[str, str], expected: str) -> None:
    assert service_of(path, headers) == expected


def test_health_and_unknown_services(router: Router) -> None:
    assert json.loads(router.handle("GET", "/_health", {}, b"").body) == {"ready": True}
    with pytest.raises(AwsError, match="serve no /nowhere") as caught:
        router.handle("GET", "/nowhere", {}, b"")
    assert caught.value.status == 404


@pytest.fixture
def connection(router: Router) -> Iterator[http.client.HTTPConnection]:
    server = Server(router.handle, 0)
    server.start()
    made = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    yield made
    made.close()
    server.shutdown()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("POST", "/model/m/converse", b"{}", 200, '{"path": "/model/m/converse"}'),
        ("HEAD", "/_health", b"", 200, ""),
        ("POST", "/nowhere", b"{}", 404, "the engines serve no /nowhere"),
        ("POST", "/model/m/converse", b"broken", 500, "KeyError('part')"),
    ],
)
def test_answers_and_errors_reach_the_client(
    connection: http.client.HTTPConnection,
    capsys: pytest.CaptureFixture[str],
    method: str,
    path: str,
    body: bytes,
    status: int,
    text: str,
) -> None:
    connection.request(method, path, body)
    answer = connection.getresponse()
    content = answer.read().decode()
    assert answer.status == status
    assert text in content
    assert bool(content) is (method != "HEAD")
    assert ("KeyError" in capsys.readouterr().err) is (status == 500)


def test_a_body_without_a_length_is_refused(connection: http.client.HTTPConnection) -> None:
    connection.putrequest("POST", "/model/m/converse")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    assert connection.getresponse().status == 411


def test_the_command_line() -> None:
    options = arguments(
        ["--port", "1", "--opensearch-port", "2", "--gateway", "http://localhost:3", "--directory", "d", "--model=tiny"]
    )
    assert (options.port, options.opensearch_port, options.account, options.model) == (1, 2, "123456789012", "tiny")
