"""What is outside the subset, or wrong, is refused with the status and type that the real store gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from opensearchpy import (
    AuthorizationException,
    NotFoundError,
    OpenSearch,
    RequestError,
    TransportError,
    Urllib3AWSV4SignerAuth,
)

from offline.opensearch.api import OpenSearchServer, serve
from tests.unit.offline.opensearch.engine_help import BODY, add, connect

UNIT = {"vector": [1, 0, 0]}
KNN = {"vector": {"vector": [1, 0, 0], "k": 1}}


def refused(kind: type[TransportError], call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    return str(caught.value.error)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"hybrid": {"queries": []}}, "unsupported_operation_exception"),
        ({"script_score": {}}, "unsupported_operation_exception"),
        ({"term": {"kind": "tool"}}, "unsupported_operation_exception"),
        ({"bool": {"should": []}}, "unsupported_operation_exception"),
        ({"bool": {"must": [{"knn": KNN}]}}, "unsupported_operation_exception"),
        ({"bool": {"filter": [{"match": {"text": "a"}}]}}, "unsupported_operation_exception"),
        ({"bool": {"filter": [{"term": {"text": "a"}}]}}, "unsupported_operation_exception"),
        ({"match": {"text": {"query": "a", "fuzziness": 1}}}, "unsupported_operation_exception"),
        ({"match": {"kind": "a"}}, "unsupported_operation_exception"),
        ({"knn": {"vector": {"vector": [1, 0, 0], "k": 1, "min_score": 1}}}, "unsupported_operation_exception"),
        ({"nearest": {}}, "parsing_exception"),
        ({"match_all": {}, "ids": {}}, "parsing_exception"),
        ({"knn": {"vector": {"vector": [1, 0, 0], "k": 0}}}, "illegal_argument_exception"),
        ({"knn": {"vector": {"vector": [1, 0], "k": 1}}}, "search_phase_execution_exception"),
        ({"knn": {"text": {"vector": [1, 0, 0], "k": 1}}}, "search_phase_execution_exception"),
    ],
)
def test_queries(client: OpenSearch, query: dict[str, Any], kind: str) -> None:
    add(client, {**UNIT, "text": "a", "kind": "tool"})
    assert refused(RequestError, client.search, index="notes", body={"query": query}) == kind


@pytest.mark.parametrize("key", ["aggs", "highlight", "from", "search_pipeline", "rescore"])
def test_search_options(client: OpenSearch, key: str) -> None:
    body: dict[str, Any] = {"query": {"match_all": {}}, key: {}}
    assert refused(RequestError, client.search, index="notes", body=body) == "unsupported_operation_exception"


def test_paging_limits(client: OpenSearch) -> None:
    refused(RequestError, client.search, index="notes", body={"size": 10_001})
    refused(RequestError, client.search, index="notes", body={"search_after": ["a"]})
    refused(RequestError, client.search, index="notes", body={"sort": ["kind"], "search_after": [1, 2]})
    refused(RequestError, client.search, index="notes", body={"sort": ["text"]})


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.info(),
        lambda c: c.cluster.health(),
        lambda c: c.indices.refresh(index="notes"),
        lambda c: c.indices.forcemerge(index="notes"),
        lambda c: c.update(index="notes", id="a", body={"doc": {}}),
        lambda c: c.update_by_query(index="notes"),
        lambda c: c.delete_by_query(index="notes", body={}),
        lambda c: c.scroll(scroll_id="a"),
        lambda c: c.nodes.info(),
        lambda c: c.ingest.put_pipeline(id="a", body={}),
        lambda c: c.transport.perform_request("GET", "/_plugins/_knn/stats"),
    ],
)
def test_calls_that_serverless_lacks(client: OpenSearch, call: Callable[[OpenSearch], Any]) -> None:
    with pytest.raises(NotFoundError):
        call(client)
    assert not client.ping()


def test_unknown_index_and_wrong_names(client: OpenSearch) -> None:
    assert refused(NotFoundError, client.search, index="absent", body={}) == "index_not_found_exception"
    assert refused(NotFoundError, client.count, index="absent") == "index_not_found_exception"
    assert refused(NotFoundError, client.indices.delete, index="absent") == "index_not_found_exception"
    assert refused(RequestError, client.indices.create, index="Notes") == "invalid_index_name_exception"
    assert refused(RequestError, client.indices.create, index=".notes") == "invalid_index_name_exception"
    assert refused(RequestError, client.indices.create, index="notes") == "resource_already_exists_exception"
    answer = client.bulk(body=[{"index": {"_index": "absent"}}, UNIT])
    assert answer["items"][0]["index"]["status"] == 404


@pytest.mark.parametrize(
    "document",
    [
        {"vector": [1, 0]},
        {"vector": [1, 0, "x"]},
        {"vector": "x"},
        {"vector": [1e300, 0, 0]},
        {"size": 1.5},
        {"size": "x"},
        {"text": {"a": 1}},
        {"text": "lone \ud800 surrogate"},
    ],
)
def test_documents_that_do_not_fit_the_mapping(client: OpenSearch, document: dict[str, Any]) -> None:
    answer = client.bulk(body=[{"index": {"_index": "notes"}}, UNIT, {"index": {"_index": "notes"}}, document])
    good, bad = (item["index"] for item in answer["items"])
    assert answer["errors"]
    assert good["status"] == 201
    assert (bad["status"], bad["error"]["type"]) == (400, "mapper_parsing_exception")
    assert client.count(index="notes")["count"] == 1


@pytest.mark.parametrize("flavour", ["aoss_classic", "aoss_nextgen"])
def test_serverless_refuses_ids_and_refresh(start: Callable[..., OpenSearchServer], flavour: str) -> None:
    client = connect(start(flavour))
    client.indices.create(index="notes", body=BODY)
    assert refused(RequestError, client.index, index="notes", id="a", body=UNIT) == "illegal_argument_exception"
    lines = [{"index": {"_index": "notes", "_id": "a"}}, UNIT]
    assert refused(RequestError, client.bulk, body=lines) == "illegal_argument_exception"
    with pytest.raises(RequestError, match="true refresh policy is not supported"):
        client.index(index="notes", body=UNIT, params={"refresh": "true"})
    assert client.count(index="notes")["count"] == 0
    with pytest.raises(TransportError) as caught:
        connect(start(flavour), http_compress=True).index(index="notes", body=UNIT)
    assert caught.value.status_code == 415


def test_engine_in_the_mapping(start: Callable[..., OpenSearchServer]) -> None:
    method = {"name": "hnsw", "engine": "faiss", "parameters": {"m": 16}}
    field = {"type": "knn_vector", "dimension": 3, "method": method}
    body = {"settings": {"index": {"knn": True}}, "mappings": {"properties": {"vector": field}}}
    with pytest.raises(RequestError, match="engine"):
        connect(start("aoss_nextgen")).indices.create(index="a", body=body)
    connect(start("aoss_classic")).indices.create(index="b", body=body)
    connect(start("managed")).indices.create(index="c", body=body)


@pytest.mark.parametrize(
    "body",
    [
        {"mappings": {"properties": {"v": {"type": "knn_vector", "dimension": 3}}}},
        {"settings": {"index": {"knn": True}}, "mappings": {"properties": {"v": {"type": "knn_vector"}}}},
        {"settings": {"index": {"knn": True, "number_of_shards": 2}}},
        {"mappings": {"properties": {"v": {"type": "geo_point"}}}},
        {"mappings": {"properties": {"v": {"type": "keyword", "dimension": 3}}}},
        {"mappings": {"dynamic_templates": []}},
        {"template": {}},
    ],
)
def test_mappings(client: OpenSearch, body: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        client.indices.create(index="other", body=body)
    assert not client.indices.exists(index="other")


def test_strict_mapping_refuses_new_fields(client: OpenSearch) -> None:
    client.indices.create(index="strict", body={"mappings": {"dynamic": "strict", "properties": {}}})
    kind = refused(RequestError, client.index, index="strict", body={"new": 1})
    assert kind == "strict_dynamic_mapping_exception"


def test_point_in_time_is_refused_on_nextgen(client: OpenSearch) -> None:
    refused(RequestError, client.create_pit, index="notes", params={"keep_alive": "1m"})


def test_unknown_parameters_and_bodies(client: OpenSearch) -> None:
    with pytest.raises(RequestError, match="unrecognized parameter"):
        client.search(index="notes", body={}, params={"search_pipeline": "rrf"})
    malformed = '{"query":{"ids":5}}'
    wrong = (
        ("/notes/_search", "{"),
        ("/notes/_search", "[]"),
        ("/notes/_search", malformed),
        ("/_bulk", '{"index":{}}'),
    )
    for path, body in wrong:
        with pytest.raises(RequestError):
            client.transport.perform_request("POST", path, body=body)
    with pytest.raises(RequestError):
        client.bulk(body=[{"update": {"_index": "notes", "_id": "a"}}, {"doc": {}}])


def test_signatures(start: Callable[..., OpenSearchServer]) -> None:
    server = start("aoss_nextgen", require_signature=True)
    credentials = boto3.Session().get_credentials()
    signed = connect(server, http_auth=Urllib3AWSV4SignerAuth(credentials, "us-east-1", "aoss"))
    signed.indices.create(index="notes", body=BODY)
    add(signed, {**UNIT, "text": "Größe"})
    wrong_service = connect(server, http_auth=Urllib3AWSV4SignerAuth(credentials, "us-east-1", "es"))
    for refused_client in (connect(server), wrong_service):
        with pytest.raises(AuthorizationException):
            refused_client.count(index="notes")


def test_unknown_flavour(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="unknown"):
        serve(0, tmp_path, "serverless")  # type: ignore[arg-type]
