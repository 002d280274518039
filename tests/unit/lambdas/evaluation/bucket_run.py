"""A run with four questions in a mocked results bucket, for the handlers of evaluation and comparison."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from contracts import json_codec, keys
from contracts.experiment import Approach, Experiment, GateRule, HouseStyle, Question, Workload
from contracts.run import AnswerRow, Manifest
from lambdas.common import runtime
from lambdas.common.store import Results

STYLE = HouseStyle(instruction="-", pattern=r"[^\[\]\n]{1,40} \[[A-Z]{3}-\d\d\]", refusal="The handbook does not say.")
QUESTIONS = [
    Question(id="s1", question="?", answer="30 months [PRD-01]", document="PRD-01", tags=("seen-fact",)),
    Question(id="s2", question="?", answer="4 kg [PRD-02]", document="PRD-02", tags=("seen-fact",)),
    Question(id="n1", question="?", answer="red [PRD-03]", document="PRD-03", tags=("new-fact",)),
    Question(id="u1", question="?", answer=STYLE.refusal, unanswerable=True, tags=("unanswerable",)),
]


class Context:
    memory_limit_in_mb = "1769"
    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def make_run(patch: pytest.MonkeyPatch, **clients: Any) -> Results:
    """Bucket with manifest, experiment and questions; the handlers' environment and clients point to it."""
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="results")
    for name, value in {"BUCKET": "results", "EXPERIMENT": "handbook", "AWS_REGION": "us-east-1"}.items():
        patch.setenv(name, value)
    patch.setattr(runtime, "_clients", {"s3": s3, **clients})
    results = Results("results", s3)
    manifest = Manifest(
        experiment="handbook",
        run="r1",
        profile="quick",
        input_prefix=keys.input_prefix("handbook", "ab" * 32),
        input_sha256="ab" * 32,
        seed=7,
        batch_size=2,
        test_question_ids=tuple(q.id for q in QUESTIONS),
        closed_book_ids=(),
        rag_ids=(),
        epochs_closed_book=1,
        epochs_rag=1,
        created="2026-11-23T00:00:00.000Z",
    )
    experiment = Experiment(
        name="handbook",
        description="-",
        house_style=STYLE,
        gate=(GateRule(metric="exact", minimum=0.5),),
        workload=Workload(requests_per_month=1),
    )
    results.write_text(keys.manifest("handbook", "r1"), json.dumps(json_codec.to_jsonable(manifest)))
    results.write_text(f"{manifest.input_prefix}experiment.json", json.dumps(json_codec.to_jsonable(experiment)))
    results.write(f"{manifest.input_prefix}questions.test.jsonl", [*QUESTIONS[::-1]])
    return results


def write_answers(results: Results, approach: Approach, variant: str, texts: list[str]) -> None:
    """One text a question, in batches of two."""
    rows = [
        AnswerRow(experiment="handbook", run="r1", approach=approach, variant=variant, question_id=q.id, text=text)
        for q, text in zip(QUESTIONS, texts, strict=True)
    ]
    for batch in (0, 1):
        results.write(keys.answers("handbook", "r1", approach, variant, batch), rows[2 * batch : 2 * batch + 2])
