"""A client of the engine and an index to fill, for the tests of this folder."""

from __future__ import annotations

from typing import Any

from opensearchpy import OpenSearch, Urllib3HttpConnection

from offline.opensearch.api import OpenSearchServer

BODY: dict[str, Any] = {
    "settings": {"index": {"knn": True}},
    "mappings": {
        "properties": {
            "vector": {"type": "knn_vector", "dimension": 3},
            "text": {"type": "text"},
            "kind": {"type": "keyword"},
            "size": {"type": "integer"},
        }
    },
}


def connect(server: OpenSearchServer, **options: Any) -> OpenSearch:
    return OpenSearch(
        hosts=[server.endpoint], connection_class=Urllib3HttpConnection, pool_maxsize=4, max_retries=0, **options
    )


def add(client: OpenSearch, *documents: dict[str, Any], index: str = "notes") -> list[str]:
    """The ids that the server gave to the documents."""
    lines: list[Any] = []
    for document in documents:
        lines += [{"index": {"_index": index}}, document]
    answer = client.bulk(body=lines)
    assert not answer["errors"], answer
    return [item["index"]["_id"] for item in answer["items"]]
