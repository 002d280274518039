"""Scores against the published formulas, written out here once more in plain Python."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.opensearch.api import OpenSearchServer
from offline.opensearch.bm25 import TextField, decode_length, encode_length, tokens
from offline.opensearch.vectors import VectorField, best
from tests.unit.offline.opensearch.engine_help import add, connect

WORDS = [f"w{i}" for i in range(40)]


def test_words() -> None:
    assert tokens("The lathe's 3.14 mm, x-axis: PRD-01 at example.com!") == [
        *("the", "lathe's", "3.14", "mm", "x", "axis", "prd", "01", "at", "example.com")
    ]
    assert tokens("Größe Ωμέγα 漢字 ok") == ["größe", "ωμέγα", "漢", "字", "ok"]
    assert [len(t) for t in tokens("a" * 600)] == [255, 255, 90]


@given(st.integers(min_value=0, max_value=2**31 - 1))
def test_lossy_lengths_are_at_most_an_eighth_too_small(length: int) -> None:
    kept = decode_length(encode_length(length))
    assert kept <= length
    assert length - kept <= length / 8
    assert encode_length(kept) == encode_length(length)
    assert kept == length or length > 39


def test_known_lossy_lengths() -> None:
    """The first values beyond the exact range, from SmallFloat's table."""
    known = {39: 39, 40: 40, 41: 40, 42: 42, 55: 54, 56: 56, 59: 56, 60: 60}
    assert {n: decode_length(encode_length(n)) for n in known} == known


def expected_bm25(corpus: list[list[str]], query: list[str], row: int) -> float:
    average = sum(map(len, corpus)) / len(corpus)
    score = 0.0
    for term in query:
        df = sum(term in words for words in corpus)
        tf = corpus[row].count(term)
        if tf:
            length = decode_length(encode_length(len(corpus[row])))
            idf = math.log(1 + (len(corpus) - df + 0.5) / (df + 0.5))
            score += idf * tf / (tf + 1.2 * (1 - 0.75 + 0.75 * length / average))
    return score


def test_bm25_follows_lucene() -> None:
    dice = random.Random(5)
    corpus = [[dice.choice(WORDS) for _ in range(dice.randint(1, 90))] for _ in range(60)]
    field = TextField()
    for words in corpus:
        field.add(" ".join(words))
    for query in (["w1"], ["w1", "w2", "w3"], ["w4", "w4", "absent"]):
        scores, found = field.search(" ".join(query), None)
        wanted = [expected_bm25(corpus, query, row) for row in range(len(corpus))]
        np.testing.assert_allclose(scores, wanted, rtol=2e-6)
        assert found.tolist() == [w > 0 for w in wanted]


def test_a_mask_gives_the_scores_of_an_index_of_the_masked_rows_alone() -> None:
    dice = random.Random(6)
    corpus = [" ".join(dice.choice(WORDS) for _ in range(20)) for _ in range(50)]
    mask = np.array([dice.random() < 0.5 for _ in corpus])
    whole, part = TextField(), TextField()
    for text in corpus:
        whole.add(text)
    for text in (t for t, m in zip(corpus, mask, strict=True) if m):
        part.add(text)
    np.testing.assert_allclose(whole.search("w1 w2", mask)[0][mask], part.search("w1 w2", None)[0], rtol=1e-6)


VECTORS = [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-1.0, 0.0, 0.0], [2.0, -1.0, 0.5]]
QUERY = [0.8, 0.6, 0.0]


def score_of(space: str, v: list[float], q: list[float]) -> float:
    product = sum(a * b for a, b in zip(v, q, strict=True))
    if space == "l2":
        return 1 / (1 + sum((a - b) ** 2 for a, b in zip(v, q, strict=True)))
    if space == "cosinesimil":
        return (1 + product / (math.hypot(*v) * math.hypot(*q))) / 2
    return product + 1 if product >= 0 else 1 / (1 - product)


@pytest.mark.parametrize("space", ["l2", "cosinesimil", "innerproduct"])
def test_vector_scores(start: Callable[..., OpenSearchServer], space: str) -> None:
    client = connect(start("aoss_classic"))
    vector = {"type": "knn_vector", "dimension": 3, "space_type": space}
    body = {"settings": {"index.knn": True}, "mappings": {"properties": {"vector": vector}}}
    client.indices.create(index="notes", body=body)
    ids = add(client, *({"vector": v} for v in VECTORS))
    answer = client.search(index="notes", body={"query": {"knn": {"vector": {"vector": QUERY, "k": 4}}}})
    scores = {hit["_id"]: hit["_score"] for hit in answer["hits"]["hits"]}
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    for identifier, v in zip(ids, VECTORS, strict=True):
        assert scores[identifier] == pytest.approx(score_of(space, v, QUERY), rel=1e-6)
    assert answer["hits"]["max_score"] == max(scores.values())


def test_all_spaces_rank_unit_vectors_alike_and_as_brute_force_does() -> None:
    dice = np.random.default_rng(3)
    matrix = dice.standard_normal((700, 16)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    mask = dice.random(700) < 0.1
    for allowed in (None, mask):
        candidates = np.arange(700) if allowed is None else np.flatnonzero(allowed)
        wanted = candidates[np.argsort(-(matrix[candidates] @ matrix[0]))][:10].tolist()
        for space in ("l2", "cosinesimil", "innerproduct"):
            field = VectorField(16, space)
            for vector in matrix:
                field.add(vector)
            assert field.search(matrix[0], 10, allowed)[0].tolist() == wanted


def test_rows_without_a_vector_are_never_found() -> None:
    field = VectorField(2, "l2")
    field.add(None)
    field.add(np.array([1, 0], np.float32))
    rows, _ = field.search(np.array([0, 0], np.float32), 5, None)
    assert rows.tolist() == [1]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.data())
def test_best_is_a_stable_sort_cut_at_k(values: list[int], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(values)))
    wanted = sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]
    assert best(np.array(values, np.float32), k).tolist() == wanted
