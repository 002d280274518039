"""The evaluation step on a mocked bucket, with the real scorers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from contracts import keys
from contracts.money import UsageRow
from contracts.run import QualityRow, ScoreRow
from lambdas.common.step import EventError
from lambdas.common.store import Results
from lambdas.evaluation.handler import evaluate
from lambdas.evaluation.scoring import AnswersError
from tests.unit.lambdas.evaluation.bucket_run import QUESTIONS, Context, make_run, write_answers

EVENT = {"experiment": "handbook", "run": "r1", "approach": "prompting"}


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Iterator[Results]:
    with mock_aws():
        yield make_run(monkeypatch)


def test_scores_quality_and_usage_are_written(results: Results) -> None:
    write_answers(results, "prompting", "zero-shot", ["30 months [PRD-01]", "4 kg", "blue [PRD-03]", "Blue."])
    write_answers(results, "prompting", "few-shot", [q.answer for q in QUESTIONS])
    done = evaluate(EVENT, Context())
    quality_key = keys.quality("handbook", "r1", "prompting")
    variants = ["zero-shot", "few-shot", "chain-of-thought"]
    assert done == {"approach": "prompting", "variants": variants, "answers": 8, "quality_key": quality_key}
    exact = {
        q.variant: q.value for q in results.read(quality_key, QualityRow) if (q.metric, q.split) == ("exact", "all")
    }
    assert exact == {"zero-shot": 0.25, "few-shot": 1.0, "chain-of-thought": 0.0}
    scores = results.read(keys.scores("handbook", "r1", "prompting"), ScoreRow)
    assert [s.question_id for s in scores if s.variant == "few-shot"] == [q.id for q in QUESTIONS]
    assert scores[0].scores["bertscore-f1"] == pytest.approx(1.0)
    usage = results.read(keys.usage("handbook", "r1", "prompting", "evaluate"), UsageRow)
    assert {row.usage_type for row in usage} >= {"Requests-Tier1", "Requests-Tier2"}
    assert "GB-second" in {row.unit for row in usage}


def test_a_second_call_writes_the_same_scores(results: Results) -> None:
    write_answers(results, "prompting", "few-shot", [q.answer for q in QUESTIONS])
    evaluate(EVENT, Context())
    first = results.read_text(keys.quality("handbook", "r1", "prompting"))
    evaluate(EVENT, Context())
    assert results.read_text(keys.quality("handbook", "r1", "prompting")) == first


def test_no_answers_is_an_error_that_says_so(results: Results) -> None:
    with pytest.raises(AnswersError, match="approach prompting has no answers; its answering step failed"):
        evaluate(EVENT, Context())


def test_an_unknown_approach_is_named(results: Results) -> None:
    with pytest.raises(EventError, match="'approach' is 'magic'; known are prompting, rag, fine-tuning"):
        evaluate({**EVENT, "approach": "magic"}, Context())


def test_importing_the_handler_loads_no_scoring_library() -> None:
    code = (
        "import sys, lambdas.evaluation.handler;"
        "print([m for m in ('numpy', 'nltk', 'onnxruntime', 'sacrebleu', 'tokenizers') if m in sys.modules])"
    )
    root = Path(__file__).parents[4]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
