"""Every call of the subset, through opensearch-py and HTTP."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opensearchpy import NotFoundError, OpenSearch

from offline.opensearch.api import OpenSearchServer
from tests.unit.offline.opensearch.engine_help import BODY, add, connect

A = {"vector": [1, 0, 0], "text": "The lathe needs oil", "kind": "tool", "size": 1}
B = {"vector": [0, 1, 0], "text": "Oil the press. Oil it weekly", "kind": "tool", "size": 5}
C = {"vector": [0.6, 0.8, 0], "text": "Holidays are in July", "kind": "rule", "size": 9}
MATCH = {"match": {"text": "OIL lathe"}}


def found(answer: dict[str, Any]) -> list[str]:
    return [hit["_source"]["text"][:4] for hit in answer["hits"]["hits"]]


def knn(vector: list[float], k: int, **options: Any) -> dict[str, Any]:
    return {"knn": {"vector": {"vector": vector, "k": k, **options}}}


def filtered(*filters: dict[str, Any], **must: Any) -> dict[str, Any]:
    return {"bool": {**must, "filter": list(filters)}}


def test_index_life(client: OpenSearch) -> None:
    assert client.indices.exists(index="notes")
    add(client, A)
    client.indices.delete(index="notes")
    assert not client.indices.exists(index="notes")
    client.indices.create(index="notes", body=BODY)
    assert client.count(index="notes")["count"] == 0


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (MATCH, ["The ", "Oil "]),
        (filtered({"range": {"size": {"gt": 1, "lte": 5}}}, must=MATCH), ["Oil "]),
        (filtered({"terms": {"kind": ["rule", "absent"]}}, {"term": {"size": 9}}), ["Holi"]),
        (filtered({"bool": {"filter": [{"term": {"kind": "tool"}}]}}, must=[MATCH]), ["The ", "Oil "]),
        ({"match": {"absent": "oil"}}, []),
        (filtered({"term": {"absent": "x"}}), []),
        (knn([1, 0, 0], 10, filter={"term": {"kind": "rule"}}), ["Holi"]),
        (knn([1, 0, 0], 10, filter={"term": {"kind": "absent"}}), []),
        (knn([1, 0, 0], 2), ["The ", "Holi"]),
    ],
)
def test_queries_and_filters(client: OpenSearch, query: dict[str, Any], expected: list[str]) -> None:
    add(client, A, B, C)
    answer = client.search(index="notes", body={"query": query})
    assert found(answer) == expected
    assert answer["hits"]["total"] == {"value": len(expected), "relation": "eq"}


def test_multi_search_answers_each_body_by_itself(client: OpenSearch) -> None:
    add(client, A, B, C)
    lines: list[Any] = []
    for index, query in (
        ("notes", {"match": {"text": "press"}}),
        ("notes", knn([1, 0, 0], 2)),
        ("absent", {"match_all": {}}),
    ):
        lines += [{"index": index}, {"query": query}]
    lexical, dense, missing = client.msearch(body=lines)["responses"]
    assert found(lexical) == ["Oil "]
    assert found(dense) == ["The ", "Holi"]
    assert (missing["status"], missing["error"]["type"]) == (404, "index_not_found_exception")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(True, A), (False, None), (["kind", "size"], {"kind": "tool", "size": 1}), (["vector"], {"vector": [1, 0, 0]})],
)
def test_source_filtering_and_the_vector_in_it(client: OpenSearch, wanted: object, expected: object) -> None:
    add(client, A)
    (hit,) = client.search(index="notes", body={"_source": wanted, "query": {"match_all": {}}})["hits"]["hits"]
    assert hit.get("_source") == expected


def test_sort_and_search_after_pages(client: OpenSearch) -> None:
    add(client, *({"kind": f"k{(i * 7) % 10:02}"} for i in range(10)), {"size": 1})
    seen: list[str] = []
    body: dict[str, Any] = {"size": 4, "query": {"match_all": {}}, "sort": [{"kind": "asc"}]}
    while len(seen) < 10:
        hits = client.search(index="notes", body=body)["hits"]["hits"]
        seen += [hit["_source"]["kind"] for hit in hits if "kind" in hit["_source"]]
        body["search_after"] = hits[-1]["sort"]
    assert seen == [f"k{i:02}" for i in range(10)]
    body["search_after"] = ["k09"]
    assert [hit["sort"] for hit in client.search(index="notes", body=body)["hits"]["hits"]] == [[None]]


def test_count_and_delete(client: OpenSearch) -> None:
    first, second = add(client, A, B)
    assert client.count(index="notes", body={"query": filtered({"term": {"kind": "tool"}})})["count"] == 2
    press = {"query": {"match": {"text": "press"}}}
    both = client.search(index="notes", body=press)["hits"]["max_score"]
    lines = [{"delete": {"_index": "notes", "_id": identifier}} for identifier in (first, "x", first)]
    answer = client.bulk(body=lines)
    assert [item["delete"]["status"] for item in answer["items"]] == [200, 404, 404]
    assert client.count(index="notes")["count"] == 1
    # Removed documents leave the statistics of BM25.
    assert client.search(index="notes", body=press)["hits"]["max_score"] < both
    assert [hit["_id"] for hit in client.search(index="notes", body=press)["hits"]["hits"]] == [second]


def test_writes_become_visible_after_the_delay(
    start: Callable[..., OpenSearchServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(start("aoss_classic", 30.0))
    now = 1000.0
    monkeypatch.setattr("offline.opensearch.index.now", lambda: now)
    client.indices.create(index="notes", body=BODY)
    with pytest.raises(NotFoundError):
        client.count(index="notes")
    now += 31
    (first,) = add(client, A)
    assert client.count(index="notes")["count"] == 0
    now += 31
    assert client.count(index="notes")["count"] == 1
    client.bulk(body=[{"delete": {"_index": "notes", "_id": first}}])
    assert client.count(index="notes")["count"] == 1, "a removal waits as well"
    now += 31
    assert client.count(index="notes")["count"] == 0


def test_a_new_index_of_a_domain_is_searchable_at_once(start: Callable[..., OpenSearchServer]) -> None:
    client = connect(start("managed", 30.0))
    client.indices.create(index="notes", body=BODY)
    assert client.count(index="notes")["count"] == 0


def test_writers_and_readers_at_once_lose_nothing(client: OpenSearch) -> None:
    def write(number: int) -> None:
        documents = ({"vector": [number, i, 1], "text": f"word{number} common"} for i in range(20))
        add(client, *documents)

    def read(_: int) -> None:
        lines: list[Any] = []
        for query in ({"match": {"text": "common"}}, knn([1, 1, 1], 5)):
            lines += [{"index": "notes"}, {"query": query}]
        assert all(answer["status"] == 200 for answer in client.msearch(body=lines)["responses"])

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(task, n) for n in range(12) for task in (write, read)]
    for done in work:
        done.result()
    assert client.count(index="notes")["count"] == 240
    assert client.search(index="notes", body={"query": {"match": {"text": "word7"}}})["hits"]["total"]["value"] == 20
