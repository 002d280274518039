"""Capacity units: times of use are joined, each with its idle minutes; any order of writers gives the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import keys
from contracts.money import UsageRow
from contracts.run import Manifest
from lambdas.common.store import Results
from lambdas.rag import capacity
from lambdas.rag.capacity import IDLE_MS, Use
from lambdas.rag.store import Activity

MANIFEST = Manifest(
    experiment="handbook",
    run="r1",
    profile="quick",
    input_prefix="experiment=handbook/input/0/",
    input_sha256="0" * 64,
    seed=1,
    batch_size=5,
    test_question_ids=("q1",),
    closed_book_ids=(),
    rag_ids=(),
    epochs_closed_book=1,
    epochs_rag=1,
    created="2026-11-23T00:00:00+00:00",
)
MINUTE = 60_000
spans = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 30)).map(lambda t: (t[0] * MINUTE, (t[0] + t[1]) * MINUTE)),
    min_size=1,
    max_size=8,
)


@given(spans)
def test_awake_time_is_the_union_of_uses_and_their_tails(uses: list[tuple[int, int]]) -> None:
    minutes = {m for start, end in uses for m in range(start // MINUTE, (end + IDLE_MS) // MINUTE)}
    assert capacity.awake_ms(uses, "nextgen")[0] == len(minutes) * MINUTE


def test_classic_counts_first_to_last_use() -> None:
    assert capacity.awake_ms([(5, 9), (1, 20), (15, 16)], "classic")[0] == 19
    uses = [Use(kind="search", start=0, end=3000, step="prepare"), Use(kind="search", start=9000, end=10_000)]
    (row,) = capacity.usage_rows(uses, MANIFEST, "rag", generation="classic", region="us-east-1")
    assert (row.amount, row.unit) == (Decimal(5), "OCU-second")


def test_names_and_back() -> None:
    use = Use(kind="search", start=1, end=2, stored=3, step="answer-rag+few-shot-00001")
    assert capacity.parse(use.name) == use
    with pytest.raises(ValueError, match="unknown"):
        capacity.parse("reading~1~2~0~x")


@pytest.fixture
def results(bucket: Results) -> Results:
    return bucket


def record(results: Results, step: str, stored: int = 0, **times: tuple[float, float]) -> list[UsageRow]:
    spans: dict[Any, tuple[float, float]] = {**times}
    return capacity.record(
        results,
        MANIFEST,
        "rag",
        step,
        Activity(spans),
        generation="nextgen",
        region="us-east-1",
        stored=stored,
    )


def amounts(rows: list[UsageRow]) -> dict[str, Decimal]:
    return {row.usage_type: row.amount for row in rows}


def test_a_run(results: Results) -> None:
    record(results, "ingest-00000", search=(1000.0, 1010.0), indexing=(1002.0, 1009.999))
    record(results, "await-index", stored=5000, search=(1011.0, 1011.999))
    record(results, "answer-rag-00000", search=(1020.0, 1029.999))
    rows = record(results, "answer-rag-00001", search=(1025.0, 1039.999))
    found = amounts(rows)
    # Search: 1000 to 1040 s in one piece, and 600 s more, by two units. Indexing: 8 s and 600 s more, by one.
    assert found["USE1-SearchOCU"] == Decimal(2 * (40 + 600))
    assert found["USE1-IndexingOCU"] == Decimal(608)
    assert found["USE1-StorageUsedInS3ByteHour"] == 5000 * Decimal(28)
    assert found["Requests-Tier1"] == 8
    key = keys.usage("handbook", "r1", "rag", "capacity")
    assert results.read(key, UsageRow) == rows
    search = next(row for row in rows if "SearchOCU" in row.usage_type)
    assert (search.start, search.end) == ("1970-01-01T00:16:40.000Z", "1970-01-01T00:17:20.000Z")
    assert search.basis == "derived"


def test_a_slow_writer_does_not_undo_what_a_faster_one_saw(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow step has listed; before it writes, another step records itself and finishes."""
    listing = results.list_keys
    calls = []

    def slow_list(prefix: str) -> list[str]:
        names = listing(prefix)
        calls.append(len(names))
        if len(calls) == 1:
            monkeypatch.setattr(results, "list_keys", listing)
            record(results, "answer-rag-00001", search=(5000.0, 5009.999))
            monkeypatch.setattr(results, "list_keys", slow_list)
        return names

    monkeypatch.setattr(results, "list_keys", slow_list)
    record(results, "answer-rag-00000", search=(1000.0, 1009.999))
    stored = amounts(results.read(keys.usage("handbook", "r1", "rag", "capacity"), UsageRow))
    assert stored["USE1-SearchOCU"] == Decimal(2 * 2 * 610)
    assert calls == [1, 2, 2]


def test_a_domain_has_no_capacity_units() -> None:
    uses = [Use(kind="search", start=0, end=9, stored=7, step="await-index")]
    assert capacity.usage_rows(uses, MANIFEST, "rag", generation="domain", region="us-east-1") == []


def test_stored_bytes_are_text_and_numbers() -> None:
    assert capacity.stored_bytes(["aé", ""], 512) == 3 + 2 * 4 * 512
