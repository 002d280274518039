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
from offline.opensearch.mapping import FLAVOURS
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
        ({"match": {"text": {"query": "a", "operator": "and"}}}, "unsupported_operation_exception"),
        ({"ids": {"values": ["a"]}}, "unsupported_operation_exception"),
        ({"bool": {"must": [{"match": {"text": "a"}}, {"match": {"text": "b"}}]}}, "unsupported_operation_exception"),
        ({"match": {"kind": "a"}}, "unsupported_operation_exception"),
        ({"knn": {"vector": {"vector": [1, 0, 0], "k": 1, "min_score": 1}}}, "unsupported_operation_exception"),
        ({"nearest": {}}, "unsupported_operation_exception"),
        ({"match_all": {}, "ids": {}}, "parsing_exception"),
        ({"knn": {"vector": {"vector": [1, 0, 0], "k": 0}}}, "illegal_argument_exception"),
        ({"knn": {"vector": {"vector": [1, 0], "k": 1}}}, "search_phase_execution_exception"),
        ({"knn": {"text": {"vector": [1, 0, 0], "k": 1}}}, "search_phase_execution_exception"),
    ],
)
def test_queries(client: OpenSearch, query: dict[str, Any], kind: str) -> None:
    add(client, {**UNIT, "text": "a", "kind": "tool"})
    assert refused(RequestError, client.search, index="notes", body={"query": query}) == kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        *(({key: {}}, "unsupported_operation_exception") for key in ("aggs", "from", "search_pipeline", "pit")),
        *(
            ({"sort": sort}, "unsupported_operation_exception")
            for sort in (["kind"], [{"kind": "desc"}], [{"kind": "asc"}, {"size": "asc"}])
        ),
        *(({"_source": wanted}, "unsupported_operation_exception") for wanted in ("kind", ["ki*"], {"excludes": []})),
        ({"sort": [{"text": "asc"}]}, "search_phase_execution_exception"),
        ({"size": 10_001}, "search_phase_execution_exception"),
        ({"search_after": ["a"]}, "search_phase_execution_exception"),
        ({"sort": [{"kind": "asc"}], "search_after": [1]}, "illegal_argument_exception"),
        ({"size": -1}, "parsing_exception"),
        ({"colour": "red"}, "unsupported_operation_exception"),
    ],
)
def test_search_bodies(client: OpenSearch, body: dict[str, Any], kind: str) -> None:
    assert refused(RequestError, client.search, index="notes", body=body) == kind


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.info(),
        lambda c: c.cluster.health(),
        lambda c: c.indices.refresh(index="notes"),
        lambda c: c.indices.get_mapping(index="notes"),
        lambda c: c.indices.put_mapping(index="notes", body={"properties": {}}),
        lambda c: c.indices.update_aliases(body={"actions": []}),
        lambda c: c.index(index="notes", body=UNIT),
        lambda c: c.delete(index="notes", id="a"),
        lambda c: c.mget(index="notes", body={"ids": ["a"]}),
        lambda c: c.transport.perform_request("POST", "/notes/_search/point_in_time"),
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
def test_calls_that_are_not_offered(client: OpenSearch, call: Callable[[OpenSearch], Any]) -> None:
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
def test_documents_that_do_not_fit_the_mapping(client: OpenSearch, document: Any) -> None:
    answer = client.bulk(body=[{"index": {"_index": "notes"}}, UNIT, {"index": {"_index": "notes"}}, document])
    good, bad = (item["index"] for item in answer["items"])
    assert answer["errors"]
    assert good["status"] == 201
    assert (bad["status"], bad["error"]["type"]) == (400, "mapper_parsing_exception")
    assert client.count(index="notes")["count"] == 1


def test_a_field_that_the_mapping_lacks(client: OpenSearch) -> None:
    answer = client.bulk(body=[{"index": {"_index": "notes"}}, {"new": 1}])
    error = answer["items"][0]["index"]["error"]
    assert error["type"] == "unsupported_operation_exception"
    assert error["reason"].startswith("dynamic mapping of the field [new]")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_ids_refresh_and_compression(start: Callable[..., OpenSearchServer], flavour: str) -> None:
    server = start(flavour)
    client = connect(server)
    client.indices.create(index="notes", body=BODY)
    with_id = [{"index": {"_index": "notes", "_id": "a"}}, UNIT]
    assert refused(RequestError, client.bulk, body=with_id) == "illegal_argument_exception"
    lines = [{"index": {"_index": "notes"}}, UNIT]
    with pytest.raises(RequestError, match="true refresh policy is not supported"):
        client.bulk(body=lines, params={"refresh": "true"})
    with pytest.raises(TransportError) as caught:
        connect(server, http_compress=True).bulk(body=lines)
    assert caught.value.status_code == 415
    assert client.count(index="notes")["count"] == 0


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
        {"mappings": {"properties": {"v": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}}}},
        {"mappings": {"dynamic_templates": []}},
        {"mappings": {"dynamic": "strict"}},
        {"template": {}},
    ],
)
def test_mappings(client: OpenSearch, body: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        client.indices.create(index="other", body=body)
    assert not client.indices.exists(index="other")


def test_unknown_parameters_and_bodies(client: OpenSearch) -> None:
    with pytest.raises(RequestError, match="unrecognized parameter"):
        client.search(index="notes", body={}, params={"search_pipeline": "rrf"})
    wrong = (
        ("/notes/_search", "{"),
        ("/notes/_search", "[]"),
        ("/notes/_search", '{"query":{"bool":{"filter":{"term":5}}}}'),
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
