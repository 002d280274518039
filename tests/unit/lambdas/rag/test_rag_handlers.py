"""The four handlers over a mocked bucket, a real store on loopback and a model client of our own."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts import json_codec, keys
from contracts.experiment import Experiment, GateRule, HouseStyle, Question, Workload
from contracts.money import UsageRow
from contracts.run import AnswerRow, Manifest
from lambdas.common import runtime
from lambdas.common.probe import ProbeError
from lambdas.common.store import Results
from lambdas.rag import handler
from offline.opensearch.api import OpenSearchServer
from tests.unit.lambdas.rag.rag_world import DIMENSIONS, SETTINGS, WordEmbedder, fault, handbook

REFUSAL = "I cannot answer this from the handbook."
EVENT = {"experiment": "handbook", "run": "r1"}


@dataclass
class Context:
    memory_limit_in_mb: int | str = 512
    aws_request_id: str = "00000000-0000-0000-0000-000000000002"

    def get_remaining_time_in_millis(self) -> int:
        return 40_000


class Bedrock:
    """Embeds by words; answers with the first page id of the prompt."""

    def __init__(self) -> None:
        self.embedder = WordEmbedder()
        self.prompts: list[dict[str, Any]] = []
        self.broken = ""
        self._lock = threading.Lock()

    def invoke_model(self, *, modelId: str, body: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        request = json.loads(body)
        assert request["dimensions"] == DIMENSIONS
        assert modelId.endswith("/emb")
        if self.broken and self.broken in request["inputText"]:
            error = {"Error": {"Code": "ValidationException", "Message": "no"}}
            raise ClientError(error, "InvokeModel")
        vector = self.embedder(request["inputText"])
        answer = {"embedding": vector, "inputTextTokenCount": len(request["inputText"].split())}
        return {"body": io.BytesIO(json.dumps(answer).encode())}

    def converse(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            self.prompts.append(request)
        text = request["messages"][-1]["content"][0]["text"]
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": f"x {text[: text.find(']') + 1]}"}]}},
            "usage": {"inputTokens": 90, "outputTokens": 6, "totalTokens": 96},
        }


@dataclass
class World:
    results: Results
    manifest: Manifest
    bedrock: Bedrock

    def usage(self, step: str) -> dict[str, UsageRow]:
        rows = self.results.read(keys.usage("handbook", "r1", "rag", step), UsageRow)
        return {row.usage_type: row for row in rows}

    def answers(self, variant: str, batch: int) -> list[AnswerRow]:
        return self.results.read(keys.answers("handbook", "r1", "rag", variant, batch), AnswerRow)

    def write_documents(self, documents: list[Any]) -> None:
        self.results.write(f"{self.manifest.input_prefix}documents.jsonl", documents)

    def ingest_all(self) -> dict[str, Any]:
        prepared = handler.prepare(EVENT, Context())
        for item in json.loads(self.results.read_text(prepared["ingest_items_key"])):
            handler.ingest(item, Context())
        return prepared


@pytest.fixture
def world(store: OpenSearchServer, bucket: Results, monkeypatch: pytest.MonkeyPatch) -> World:
    environment = {
        "BUCKET": bucket.bucket,
        "EXPERIMENT": "handbook",
        "AWS_REGION": "us-east-1",
        "GENERATOR_PROFILE_ARN": "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/gen",
        "GENERATOR_MODEL_ID": "us.amazon.nova-micro-v1:0",
        "EMBEDDING_PROFILE_ARN": "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/emb",
        "EMBEDDING_MODEL_ID": "amazon.titan-embed-text-v2:0",
        "EMBEDDING_DIMENSIONS": str(DIMENSIONS),
        "MODEL_WORKERS": "4",
        "OPENSEARCH_ENDPOINT": store.endpoint,
        "OPENSEARCH_SERVICE": "aoss",
        "OPENSEARCH_GENERATION": "nextgen",
        "INDEX_NAME": "chunks",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    documents = handbook()
    test = [
        Question(id=f"q{n}", question=f"How often is the {d.title[4:]} checked?", answer=f"x [{d.id}]", document=d.id)
        for n, d in enumerate(documents)
    ]
    train = [replace(q, id=f"t{n}") for n, q in enumerate(test)]
    experiment = Experiment(
        name="handbook",
        description="test",
        house_style=HouseStyle(instruction="Answer as value [PAGE-ID].", pattern=".*", refusal=REFUSAL),
        gate=(GateRule(metric="exact", minimum=0.5),),
        workload=Workload(requests_per_month=1000),
        retrieval=replace(SETTINGS, pages=2, pages_few_shot=1),
    )
    manifest = Manifest(
        experiment="handbook",
        run="r1",
        profile="quick",
        input_prefix=keys.input_prefix("handbook", "ab" * 32),
        input_sha256="ab" * 32,
        seed=7,
        batch_size=4,
        test_question_ids=tuple(q.id for q in test),
        closed_book_ids=(),
        rag_ids=(),
        epochs_closed_book=1,
        epochs_rag=1,
        created="2026-11-23T00:00:00+00:00",
    )
    bedrock = Bedrock()
    monkeypatch.setattr(runtime, "_clients", {"s3": bucket.s3, "bedrock-runtime": bedrock})
    bucket.write_text(keys.manifest("handbook", "r1"), json.dumps(json_codec.to_jsonable(manifest)))
    bucket.write_text(f"{manifest.input_prefix}experiment.json", json.dumps(json_codec.to_jsonable(experiment)))
    bucket.write(f"{manifest.input_prefix}questions.train.jsonl", train)
    bucket.write(f"{manifest.input_prefix}questions.test.jsonl", test)
    made = World(bucket, manifest, bedrock)
    made.write_documents(documents)
    return made


def test_the_whole_approach(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lambdas.rag.ingestion.DOCUMENTS_PER_BATCH", 4)
    prepared = handler.prepare(EVENT, Context())
    assert prepared["bucket"] == world.results.bucket
    assert (prepared["items"], prepared["ingest_items"]) == (4, 2)
    slices = json.loads(world.results.read_text(prepared["ingest_items_key"]))
    assert [(s["batch"], s["first"], s["last"]) for s in slices] == [(0, 0, 4), (1, 4, 6)]
    assert handler.await_index(EVENT, Context()) == {"chunks": 12, "visible": False}
    assert handler.ingest(slices[0], Context()) == {
        "batch": 0,
        "chunks": 8,
        "indexed": 8,
        "duplicates_removed": 0,
        "skipped": 0,
    }
    handler.ingest(slices[1], Context())
    assert handler.await_index(EVENT, Context()) == {"chunks": 12, "visible": True}
    for item in json.loads(world.results.read_text(prepared["items_key"])):
        summary = handler.answer(item, Context())
        assert summary["errors"] == 0
    rows = [row for batch in (0, 1) for row in world.answers("rag", batch)]
    assert [row.question_id for row in rows] == [f"q{n}" for n in range(6)]
    assert [row.citations for row in rows] == [(f"PRD-{n:02d}",) for n in range(6)]
    assert [len(row.retrieved) for row in rows] == [2] * 6
    assert [row.retrieved[0].document for row in rows] == [f"PRD-{n:02d}" for n in range(6)]
    few = world.answers("rag+few-shot", 0)[0]
    assert len(few.retrieved) == 1


def test_pages_and_shots_are_in_the_prompt(world: World) -> None:
    world.ingest_all()
    handler.answer({**EVENT, "variant": "rag", "batch": 0}, Context())
    asked = [p for p in world.bedrock.prompts if p["requestMetadata"]["variant"] != "probe"]
    first = next(p for p in asked if "lathe checked" in p["messages"][-1]["content"][0]["text"])
    text = first["messages"][-1]["content"][0]["text"]
    assert text.startswith("[PRD-00] The lathe: Its operator checks the lathe every 2 days")
    assert first["requestMetadata"]["variant"] == "rag"
    world.bedrock.prompts.clear()
    handler.answer({**EVENT, "variant": "rag+few-shot", "batch": 0}, Context())
    assert all(len(p["messages"]) == 5 for p in world.bedrock.prompts)


def test_both_models_are_asked_once_before_anything_is_indexed(world: World) -> None:
    handler.prepare(EVENT, Context())
    (embedded,) = world.bedrock.embedder.asked
    assert len(embedded) == max(len(f"{d.title}\n{part}") for d in handbook() for part in d.text.split("\n\n"))
    (prompt,) = world.bedrock.prompts
    # Two shots and the longest pages that a prompt of the run may show.
    assert len(prompt["messages"]) == 5
    assert prompt["messages"][-1]["content"][0]["text"].startswith("[PRD-")
    prepared = world.usage("prepare")
    assert prepared["USE1-NovaMicro-input-tokens"].amount == 90
    assert prepared["USE1-TitanEmbeddingV2-Text-input-tokens"].amount == len(embedded.split())
    handler.prepare(EVENT, Context())
    assert (len(world.bedrock.prompts), len(world.bedrock.embedder.asked)) == (1, 1)


def test_an_embedding_model_that_refuses_stops_the_approach_before_it_indexes(world: World) -> None:
    world.bedrock.broken = "checks the"
    with pytest.raises(ProbeError) as caught:
        handler.prepare(EVENT, Context())
    assert str(caught.value) == (
        "amazon.titan-embed-text-v2:0 refused the call before the run: ValidationException: no; correct "
        "models.embedding or prompt in experiment.yaml"
    )
    assert world.bedrock.prompts == []
    assert not world.results.exists(keys.ingest_items("handbook", "r1"))


def test_usage(world: World) -> None:
    world.ingest_all()
    handler.await_index(EVENT, Context())
    handler.answer({**EVENT, "variant": "rag", "batch": 0}, Context())
    ingested = world.usage("ingest-00000")
    tokens = sum(len(text.split()) for text in world.bedrock.embedder.asked[1:13])
    assert ingested["USE1-TitanEmbeddingV2-Text-input-tokens"].amount == tokens
    assert ingested["USE1-TitanEmbeddingV2-Text-input-tokens"].basis == "reported"
    assert any(name.startswith("Lambda-GB-Second") and row.amount > 0 for name, row in ingested.items())
    answered = world.usage("answer-rag-00000")
    questions = sum(len(text.split()) for text in world.bedrock.embedder.asked[13:])
    assert answered["USE1-TitanEmbeddingV2-Text-input-tokens"].amount == questions
    assert answered["USE1-NovaMicro-input-tokens"].amount == 4 * 90
    capacity = world.usage("capacity")
    assert 1200 < capacity["USE1-SearchOCU"].amount < 1300
    assert 600 < capacity["USE1-IndexingOCU"].amount < 650
    assert capacity["USE1-StorageUsedInS3ByteHour"].unit == "byte-second"


def test_a_resumed_run_embeds_nothing_again_and_keeps_what_the_embeddings_cost(world: World) -> None:
    world.ingest_all()
    asked = len(world.bedrock.embedder.asked)
    paid = world.usage("ingest-00000")["USE1-TitanEmbeddingV2-Text-input-tokens"]
    prepared = handler.prepare(EVENT, Context())
    (item,) = json.loads(world.results.read_text(prepared["ingest_items_key"]))
    again = handler.ingest(item, Context())
    assert (again["indexed"], again["skipped"]) == (0, 12)
    assert len(world.bedrock.embedder.asked) == asked
    rows = world.results.read(keys.usage("handbook", "r1", "rag", "ingest-00000"), UsageRow)
    assert [row for row in rows if row.service_code == "AmazonBedrock"] == [paid]
    assert sum(row.usage_type.startswith("Request") and row.service_code == "AWSLambda" for row in rows) == 2


def test_a_document_that_was_removed_is_gone_before_the_first_answer(world: World) -> None:
    world.ingest_all()
    world.write_documents(handbook()[1:])
    world.ingest_all()
    assert handler.await_index(EVENT, Context()) == {"chunks": 10, "visible": True}
    handler.answer({**EVENT, "variant": "rag", "batch": 0}, Context())
    assert all(r.document != "PRD-00" for row in world.answers("rag", 0) for r in row.retrieved)


def test_a_question_that_cannot_be_embedded_is_one_error_row(world: World) -> None:
    world.ingest_all()
    world.bedrock.broken = "the press"
    summary = handler.answer({**EVENT, "variant": "rag", "batch": 0}, Context())
    assert (summary["answered"], summary["errors"]) == (3, 1)
    failed = world.answers("rag", 0)[1]
    assert failed.error is not None
    assert failed.error.startswith("permanent: ")
    assert "ValidationException" in failed.error


def test_a_refused_search_is_an_error_row_for_each_question(world: World, store: OpenSearchServer) -> None:
    world.ingest_all()
    fault(store, operation="_msearch", status=400, code="odd", times=4)
    assert handler.answer({**EVENT, "variant": "rag", "batch": 0}, Context())["errors"] == 4
    for row in world.answers("rag", 0):
        assert row.error is not None
        assert row.error.startswith(f"permanent: question {row.question_id}: RequestError")


def test_an_answered_batch_is_skipped_and_searches_nothing(world: World, store: OpenSearchServer) -> None:
    world.ingest_all()
    handler.answer({**EVENT, "variant": "rag", "batch": 1}, Context())
    before = world.usage("capacity")
    fault(store, status=500, times=99)
    summary = handler.answer({**EVENT, "variant": "rag", "batch": 1}, Context())
    assert summary["skipped"] == 2
    assert world.usage("capacity") == before


def test_a_slice_outside_the_documents_is_named(world: World) -> None:
    with pytest.raises(ValueError, match="'first' 4 and 'last' 9 are no slice of 6"):
        handler.ingest({**EVENT, "batch": 0, "first": 4, "last": 9}, Context())


def test_no_documents(world: World) -> None:
    world.write_documents([])
    with pytest.raises(ValueError, match=r"documents\.jsonl holds no document"):
        handler.prepare(EVENT, Context())
