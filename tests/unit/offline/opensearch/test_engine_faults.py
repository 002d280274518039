"""Faults, load from several threads, speed of a single answer."""

from __future__ import annotations

import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opensearchpy import OpenSearch, RequestError, TransportError

from offline.opensearch.api import OpenSearchServer
from tests.unit.offline.opensearch.engine_help import add


def fault(server: OpenSearchServer, **fields: Any) -> None:
    body = json.dumps({"service": "opensearch", **fields}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/_faults", data=body)).close()


def test_before_and_after(server: OpenSearchServer, client: OpenSearch) -> None:
    for when, expected in (("before", 0), ("after", 1)):
        fault(server, operation="_doc", status=503, when=when)
        with pytest.raises(TransportError) as caught:
            client.index(index="notes", body={"text": "a"})
        assert caught.value.status_code == 503
        assert client.count(index="notes")["count"] == expected


def test_one_item_of_a_bulk_request(server: OpenSearchServer, client: OpenSearch) -> None:
    fault(server, status=429, when="item")
    assert client.count(index="notes")["count"] == 0, "only a bulk request has items"
    lines = [{"index": {"_index": "notes"}}, {"text": "a"}, {"index": {"_index": "notes"}}, {"text": "b"}]
    answer = client.bulk(body=lines)
    assert [item["index"]["status"] for item in answer["items"]] == [429, 201]
    assert answer["errors"]
    assert not client.bulk(body=lines)["errors"]


def test_times_code_and_clearing(server: OpenSearchServer, client: OpenSearch) -> None:
    fault(server, operation="GET /notes", status=429, code="throttled", times=2)
    for _ in range(2):
        with pytest.raises(TransportError) as caught:
            client.indices.get(index="notes")
        assert (caught.value.status_code, caught.value.error) == (429, "throttled")
    client.indices.get(index="notes")
    fault(server, status=500, times=5)
    with urllib.request.urlopen(f"{server.endpoint}/_faults") as response:
        assert json.load(response) == {"waiting": 5}
    urllib.request.urlopen(urllib.request.Request(f"{server.endpoint}/_faults", method="DELETE")).close()
    client.indices.get(index="notes")


def test_faults_of_other_services_are_refused(client: OpenSearch) -> None:
    with pytest.raises(RequestError):
        client.transport.perform_request("POST", "/_faults", body={"service": "s3", "status": 500})
    with pytest.raises(RequestError):
        client.transport.perform_request("POST", "/_faults", body={"status": 500, "when": "never"})


def test_health(server: OpenSearchServer) -> None:
    with urllib.request.urlopen(f"{server.endpoint}/_health") as response:
        assert json.load(response)["ready"] is True
    assert server.server_address[0] == "127.0.0.1"


def test_writers_and_readers_at_once_lose_nothing(client: OpenSearch) -> None:
    def write(number: int) -> None:
        add(
            client,
            *({"vector": [number, i, 1], "text": f"word{number} common", "kind": f"k{number}"} for i in range(20)),
        )

    def read(_: int) -> int:
        lines = [{"index": "notes"}, {"query": {"match": {"text": "common"}}}]
        lines += [{"index": "notes"}, {"query": {"knn": {"vector": {"vector": [1, 1, 1], "k": 5}}}}]
        answers = client.msearch(body=lines)["responses"]
        assert all(a["status"] == 200 for a in answers)
        return len(answers[0]["hits"]["hits"])

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(task, n) for n in range(12) for task in (write, read)]
    for done in work:
        done.result()
    assert client.count(index="notes")["count"] == 240
    assert client.search(index="notes", body={"query": {"match": {"text": "word7"}}})["hits"]["total"]["value"] == 20


def test_answers_do_not_wait_for_delayed_acknowledgements(client: OpenSearch) -> None:
    """With the defaults of http.server each answer takes 40 ms or more."""
    took = []
    for _ in range(15):
        began = time.perf_counter()
        client.count(index="notes")
        took.append(time.perf_counter() - began)
    assert sorted(took)[len(took) // 2] < 0.03
