"""Faults of the data plane: before, after, and one item of a bulk request."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest
from opensearchpy import OpenSearch, TransportError

from offline.common.faults import OPENSEARCH_DATA, ROUTE
from offline.opensearch.api import OpenSearchServer

LINES = [{"index": {"_index": "notes"}}, {"text": "a"}, {"index": {"_index": "notes"}}, {"text": "b"}]


def fault(server: OpenSearchServer, **fields: Any) -> None:
    body = json.dumps({"service": OPENSEARCH_DATA, **fields}).encode()
    urllib.request.urlopen(urllib.request.Request(server.endpoint + ROUTE, data=body)).close()


@pytest.mark.parametrize(("when", "expected"), [("before", 0), ("after", 2)])
def test_before_and_after(server: OpenSearchServer, client: OpenSearch, when: str, expected: int) -> None:
    fault(server, operation="_bulk", status=503, when=when)
    with pytest.raises(TransportError) as caught:
        client.bulk(body=LINES)
    assert caught.value.status_code == 503
    assert client.count(index="notes")["count"] == expected


def test_one_item_of_a_bulk_request(server: OpenSearchServer, client: OpenSearch) -> None:
    fault(server, status=429, when="item")
    assert client.count(index="notes")["count"] == 0, "only a bulk request has items"
    answer = client.bulk(body=LINES)
    assert [item["index"]["status"] for item in answer["items"]] == [429, 201]
    assert answer["errors"]
    assert not client.bulk(body=LINES)["errors"]


def test_code_and_message_reach_the_client(server: OpenSearchServer, client: OpenSearch) -> None:
    fault(server, operation="GET /notes/_count", status=429, code="throttled")
    fault(server, operation="POST /notes/_count", status=429, code="throttled")
    with pytest.raises(TransportError) as caught:
        client.count(index="notes")
    assert (caught.value.status_code, caught.value.error) == (429, "throttled")
    assert caught.value.info["error"]["reason"] == "injected fault: throttled"
