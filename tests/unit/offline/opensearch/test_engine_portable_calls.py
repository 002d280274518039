"""Every call of the portable subset, through opensearch-py and HTTP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opensearchpy import NotFoundError, OpenSearch, RequestError

from offline.opensearch.api import OpenSearchServer
from tests.unit.offline.opensearch.engine_help import BODY, add, connect

A = {"vector": [1, 0, 0], "text": "The lathe needs oil", "kind": "tool", "size": 1}
B = {"vector": [0, 1, 0], "text": "Oil the press. Oil it weekly", "kind": "tool", "size": 5}
C = {"vector": [0.6, 0.8, 0], "text": "Holidays are in July", "kind": "rule", "size": 9}


def found(answer: dict[str, Any]) -> list[str]:
    return [hit["_source"]["text"][:4] for hit in answer["hits"]["hits"]]


def test_index_life(client: OpenSearch) -> None:
    assert client.indices.exists(index="notes")
    assert client.indices.get_mapping(index="notes")["notes"]["mappings"]["properties"]["vector"]["dimension"] == 3
    assert client.indices.get(index="notes")["notes"]["settings"]["index"]["knn"] == "True"
    client.indices.delete(index="notes")
    assert not client.indices.exists(index="notes")


def test_match_and_filter(client: OpenSearch) -> None:
    add(client, A, B, C)
    match = {"match": {"text": "OIL lathe"}}
    assert found(client.search(index="notes", body={"query": match})) == ["The ", "Oil "]
    both = {"match": {"text": {"query": "oil lathe", "operator": "and"}}}
    assert found(client.search(index="notes", body={"query": both})) == ["The "]
    large = {"bool": {"must": match, "filter": [{"range": {"size": {"gt": 1, "lte": 5}}}]}}
    assert found(client.search(index="notes", body={"query": large})) == ["Oil "]
    kinds = {"bool": {"filter": [{"terms": {"kind": ["rule", "absent"]}}, {"term": {"size": 9}}]}}
    assert found(client.search(index="notes", body={"query": kinds})) == ["Holi"]


def test_knn_with_a_filter_never_returns_what_the_filter_excludes(client: OpenSearch) -> None:
    add(client, A, B, C)
    knn = {"vector": {"vector": [1, 0, 0], "k": 10, "filter": {"term": {"kind": "rule"}}}}
    answer = client.search(index="notes", body={"size": 10, "query": {"knn": knn}})
    assert found(answer) == ["Holi"]
    assert answer["hits"]["total"] == {"value": 1, "relation": "eq"}
    none = {"vector": {"vector": [1, 0, 0], "k": 10, "filter": {"term": {"kind": "absent"}}}}
    assert found(client.search(index="notes", body={"query": {"knn": none}})) == []


def test_multi_search_answers_each_body_by_itself(client: OpenSearch) -> None:
    add(client, A, B, C)
    lines = [
        {"index": "notes"},
        {"query": {"match": {"text": "press"}}},
        {"index": "notes"},
        {"size": 2, "query": {"knn": {"vector": {"vector": [1, 0, 0], "k": 2}}}},
        {"index": "absent"},
        {"query": {"match_all": {}}},
    ]
    lexical, dense, missing = client.msearch(body=lines)["responses"]
    assert found(lexical) == ["Oil "]
    assert found(dense) == ["The ", "Holi"]
    assert missing["status"] == 404
    assert missing["error"]["type"] == "index_not_found_exception"


def test_source_filtering_and_the_vector_in_it(client: OpenSearch) -> None:
    add(client, A)

    def source(wanted: object) -> Any:
        hit = client.search(index="notes", body={"_source": wanted, "query": {"match_all": {}}})["hits"]["hits"][0]
        return hit.get("_source")

    assert source(True) == A
    assert source(False) is None
    assert source(["kind", "si*"]) == {"kind": "tool", "size": 1}
    assert source({"excludes": ["vector", "text"]}) == {"kind": "tool", "size": 1}


def test_sort_and_search_after_pages(client: OpenSearch) -> None:
    add(client, *({"kind": f"k{i:02}", "size": i % 3} for i in range(10)), {"kind": "none"})
    seen, after = [], None
    while True:
        body = {"size": 4, "query": {"match_all": {}}, "sort": [{"size": "desc"}, {"kind": {"order": "asc"}}]}
        hits = client.search(index="notes", body=body | ({"search_after": after} if after else {}))["hits"]["hits"]
        if not hits:
            break
        seen += [hit["_source"]["kind"] for hit in hits]
        after = hits[-1]["sort"]
    assert seen == ["k02", "k05", "k08", "k01", "k04", "k07", "k00", "k03", "k06", "k09", "none"]


def test_delete_get_count(client: OpenSearch) -> None:
    first, second = add(client, A, B)
    assert client.count(index="notes", body={"query": {"bool": {"filter": [{"term": {"kind": "tool"}}]}}})["count"] == 2
    assert client.delete(index="notes", id=first)["result"] == "deleted"
    with pytest.raises(NotFoundError):
        client.delete(index="notes", id=first)
    answer = client.bulk(
        body=[{"delete": {"_index": "notes", "_id": second}}, {"delete": {"_index": "notes", "_id": "x"}}]
    )
    assert [item["delete"]["status"] for item in answer["items"]] == [200, 404]
    assert client.count(index="notes")["count"] == 0
    third = client.index(index="notes", body=C)["_id"]
    documents = client.mget(index="notes", body={"ids": [third, first]})["docs"]
    assert [d["found"] for d in documents] == [True, False]
    assert documents[0]["_source"]["text"] == C["text"]
    assert found(client.search(index="notes", body={"query": {"ids": {"values": [third]}}})) == ["Holi"]


def test_removed_documents_leave_the_statistics_of_bm25(client: OpenSearch) -> None:
    a, _b = add(client, A, B)
    query = {"query": {"match": {"text": "press"}}}
    both = client.search(index="notes", body=query)["hits"]["max_score"]
    client.delete(index="notes", id=a)
    assert client.search(index="notes", body=query)["hits"]["max_score"] < both


def test_alias_swap(client: OpenSearch) -> None:
    client.indices.create(index="notes-2", body=BODY)
    client.indices.update_aliases(body={"actions": [{"add": {"index": "notes", "alias": "current"}}]})
    add(client, A, index="current")
    add(client, C, index="notes-2")
    assert found(client.search(index="current", body={"query": {"match_all": {}}})) == ["The "]
    swap = [{"remove": {"index": "notes", "alias": "current"}}, {"add": {"index": "notes-2", "alias": "current"}}]
    client.indices.update_aliases(body={"actions": swap})
    assert found(client.search(index="current", body={"query": {"match_all": {}}})) == ["Holi"]


def test_point_in_time_is_frozen(start: Callable[..., OpenSearchServer]) -> None:
    client = connect(start("aoss_classic"))
    client.indices.create(index="notes", body=BODY)
    add(client, A)
    pit = client.create_pit(index="notes", params={"keep_alive": "1m"})["pit_id"]
    add(client, B)
    frozen = client.search(body={"query": {"match_all": {}}, "pit": {"id": pit, "keep_alive": "1m"}})
    assert found(frozen) == ["The "]
    assert client.delete_pit(body={"pit_id": [pit]})["pits"][0]["successful"]
    with pytest.raises(NotFoundError):
        client.search(body={"query": {"match_all": {}}, "pit": {"id": pit}})


def test_custom_ids_and_refresh_on_a_managed_domain(start: Callable[..., OpenSearchServer]) -> None:
    client = connect(start("managed", 60.0), http_compress=True)
    client.indices.create(index="notes", body=BODY)
    client.index(index="notes", id="a", body=A, params={"refresh": "true"})
    assert client.index(index="notes", id="a", body=C, params={"refresh": "true"})["result"] == "updated"
    answer = client.search(index="notes", body={"query": {"match_all": {}}})
    assert found(answer) == ["Holi"]
    add(client, B)
    assert client.count(index="notes")["count"] == 1, "without refresh the delay holds"


def test_data_survives_a_restart(start: Callable[..., OpenSearchServer], tmp_path: Path) -> None:
    first = start(directory=tmp_path / "kept")
    client = connect(first)
    client.indices.create(index="notes", body=BODY)
    ids = add(client, A, B, C)
    client.delete(index="notes", id=ids[1])
    client.indices.update_aliases(body={"actions": [{"add": {"index": "notes", "alias": "current"}}]})
    before = client.search(index="notes", body={"query": {"match": {"text": "oil lathe"}}})["hits"]
    first.shutdown()
    again = connect(start(directory=tmp_path / "kept"))
    assert again.search(index="current", body={"query": {"match": {"text": "oil lathe"}}})["hits"] == before
    assert again.search(index="notes", body={"query": {"ids": {"values": [ids[0]]}}})["hits"]["hits"][0]["_source"] == A
    assert again.count(index="notes")["count"] == 2


def test_dynamic_fields_are_text_with_a_keyword_beside_them(client: OpenSearch) -> None:
    add(client, A, {"page": "PRD-01", "chapter": 3, "final": True})
    answer = client.search(index="notes", body={"query": {"bool": {"filter": [{"term": {"page.keyword": "PRD-01"}}]}}})
    assert answer["hits"]["total"]["value"] == 1
    properties = client.indices.get_mapping(index="notes")["notes"]["mappings"]["properties"]
    assert (properties["page"]["type"], properties["chapter"]["type"], properties["final"]["type"]) == (
        "text",
        "long",
        "boolean",
    )


def test_writes_become_visible_after_the_delay(
    start: Callable[..., OpenSearchServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start("aoss_classic", 30.0)
    client = connect(server)
    now = 1000.0
    monkeypatch.setattr("offline.opensearch.index.now", lambda: now)
    client.indices.create(index="notes", body=BODY)
    with pytest.raises(NotFoundError):
        client.count(index="notes")
    now += 31
    (first,) = add(client, A)
    assert client.count(index="notes")["count"] == 0
    assert client.mget(index="notes", body={"ids": [first]})["docs"][0]["found"], "a read by id does not wait"
    now += 31
    assert client.count(index="notes")["count"] == 1
    client.delete(index="notes", id=first)
    assert client.count(index="notes")["count"] == 1, "a removal waits as well"
    now += 31
    assert client.count(index="notes")["count"] == 0


def test_new_fields_join_the_mapping(client: OpenSearch) -> None:
    add(client, A)
    client.indices.put_mapping(index="notes", body={"properties": {"page": {"type": "keyword"}}})
    add(client, {"page": "PRD-01", "text": "new"})
    paged = {"query": {"bool": {"filter": [{"term": {"page": "PRD-01"}}]}}}
    assert found(client.search(index="notes", body=paged)) == ["new"]
    for field in ({"kind": {"type": "text"}}, {"second": {"type": "knn_vector", "dimension": 2}}):
        with pytest.raises(RequestError):
            client.indices.put_mapping(index="notes", body={"properties": field})
