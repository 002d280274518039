"""The evaluation step with a judge: a scripted Bedrock client, the run in a mocked bucket, the real other scorers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from moto import mock_aws

from contracts import json_codec, keys
from contracts.experiment import Document, Experiment, Judge, Question, Rated
from contracts.money import UsageRow
from contracts.run import AnswerRow, JudgementRow, QualityRow, Retrieved, ScoreRow
from cost_reports.metering.phases import phase_of
from lambdas.common import runtime
from lambdas.common.runtime import DeadlineError
from lambdas.common.settings import SettingsError
from lambdas.common.store import Results
from lambdas.evaluation.handler import evaluate
from lambdas.evaluation.judge.calls import JudgingUnfinishedError
from lambdas.evaluation.scoring import AnswersError
from lambdas.rag.chunking import chunk_document
from tests.unit.lambdas.evaluation.bucket_run import QUESTIONS, Context, make_run, write_answers
from tests.unit.lambdas.lambda_world import FakeConverse, client_error

MODEL = "us.amazon.nova-pro-v1:0"
JUDGE = Judge(model=MODEL, rubric="The same facts.", minimum_agreement=0.6)
EVENT = {"experiment": "handbook", "run": "r1", "approach": "prompting"}
PAGE = Document(id="PRD-01", title="Tube", text="The tube lasts 30 months. It weighs 4 kg.")


def said(verdict: str) -> str:
    return json.dumps({"reason": "-", "verdict": verdict})


def part(text: str, tag: str) -> str:
    (found,) = re.findall(rf"<{tag}>\n(.*?)\n</{tag}>", text, re.DOTALL)
    return str(found)


def fair(text: str) -> str:
    """A judge that goes by the first word."""
    return said("right" if part(text, "candidate").split()[:1] == part(text, "reference").split()[:1] else "wrong")


@dataclass
class Bench:
    """The run, its judge's client, and ways to change what the run holds."""

    results: Results
    bedrock: FakeConverse

    def evaluate(self, approach: str = "prompting") -> None:
        evaluate({**EVENT, "approach": approach}, Context())

    def change(self, **changes: Any) -> None:
        manifest = self.results.manifest("handbook", "r1")
        definition = replace(self.results.experiment(manifest), **changes)
        self.results.write_text(
            f"{manifest.input_prefix}experiment.json", json.dumps(json_codec.to_jsonable(definition))
        )

    def ask(self, questions: list[Question]) -> None:
        manifest = self.results.manifest("handbook", "r1")
        self.results.write(f"{manifest.input_prefix}questions.test.jsonl", questions)

    def definition(self) -> Experiment:
        return self.results.experiment(self.results.manifest("handbook", "r1"))

    def quality(self, variant: str, metric: str, approach: str = "prompting") -> QualityRow | None:
        rows = self.results.read(keys.quality("handbook", "r1", approach), QualityRow)
        return next((q for q in rows if (q.variant, q.metric, q.split) == (variant, metric, "all")), None)

    def usage(self) -> list[UsageRow]:
        prefix = f"{keys.approach_prefix('handbook', 'r1', keys.SHARED)}usage/"
        return self.results.read_prefix(prefix, UsageRow)

    def tokens(self) -> Decimal:
        return sum((row.amount for row in self.usage()), Decimal(0))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with mock_aws():
        bedrock = FakeConverse(fair)
        results = make_run(monkeypatch, **{"bedrock-runtime": bedrock})
        monkeypatch.setattr(runtime, "_sleep", lambda seconds: None)
        monkeypatch.setenv(
            "JUDGE_PROFILE_ARN", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/j"
        )
        monkeypatch.setenv("JUDGE_MODEL_ID", MODEL)
        made = Bench(results, bedrock)
        made.change(judge=JUDGE)
        yield made


def write_some(bench: Bench) -> None:
    """One exact, one right in other words, one wrong, one refusal; the other variants have failed."""
    write_answers(bench.results, "prompting", "few-shot", ["30 months [PRD-01]", "4 kilos", "blue", "No idea."])


def test_answers_are_judged_in_both_orders_and_exact_ones_are_not_asked(bench: Bench) -> None:
    write_some(bench)
    bench.evaluate()
    assert len(bench.bedrock.requests) == 2 * 3
    firsts = [re.findall("<(reference|candidate)>", text)[0] for text in bench.bedrock.asked]
    assert sorted(firsts) == ["candidate"] * 3 + ["reference"] * 3
    judged = bench.quality("few-shot", "judged")
    assert judged is not None
    assert (judged.value, judged.n, judged.left_out) == (0.5, 4, 0)
    undecided = bench.quality("few-shot", "undecided")
    assert undecided is not None
    assert undecided.value == 0.0
    failed = bench.quality("zero-shot", "judged")
    assert failed is not None
    assert (failed.value, failed.n) == (0.0, 4)


def test_the_call_names_model_run_and_no_temperature_but_zero(bench: Bench) -> None:
    write_some(bench)
    bench.evaluate()
    request = bench.bedrock.requests[0]
    assert request["modelId"].endswith("application-inference-profile/j")
    assert request["inferenceConfig"]["temperature"] == 0.0
    assert request["requestMetadata"]["approach"] == "shared"
    assert "The same facts." in request["system"][0]["text"]


def test_a_verdict_that_turns_with_the_order_is_half_a_point_and_undecided(bench: Bench) -> None:
    write_some(bench)
    bench.bedrock.reply = lambda text: said(
        "right" if text.index("<candidate>") < text.index("<reference>") else "wrong"
    )
    bench.evaluate()
    scores = bench.results.read(keys.scores("handbook", "r1", "prompting"), ScoreRow)
    few = [s.scores["judged"] for s in scores if s.variant == "few-shot"]
    assert few == [1.0, 0.5, 0.5, 0.5]
    undecided = bench.quality("few-shot", "undecided")
    assert undecided is not None
    assert undecided.value == 0.75


def test_replies_without_a_verdict_are_left_out_and_counted(bench: Bench) -> None:
    write_some(bench)
    bench.bedrock.reply = lambda text: "Hard to say." if "blue" in text else fair(text)
    bench.evaluate()
    judged, undecided = bench.quality("few-shot", "judged"), bench.quality("few-shot", "undecided")
    assert judged is not None
    assert undecided is not None
    assert (judged.value, judged.n, judged.left_out) == (pytest.approx(2 / 3), 3, 1)
    assert (undecided.value, undecided.n) == (0.25, 4)


def test_a_repeated_evaluation_asks_nothing_and_gives_the_same(bench: Bench) -> None:
    write_some(bench)
    bench.evaluate()
    first = bench.results.read_text(keys.quality("handbook", "r1", "prompting"))
    asked, tokens = len(bench.bedrock.requests), bench.tokens()
    bench.evaluate()
    assert len(bench.bedrock.requests) == asked
    assert bench.tokens() == tokens == 57 * asked
    assert bench.results.read_text(keys.quality("handbook", "r1", "prompting")) == first


def test_another_rubric_asks_anew_and_what_was_paid_stays_on_the_bill(bench: Bench) -> None:
    write_some(bench)
    bench.evaluate()
    asked = len(bench.bedrock.requests)
    bench.change(judge=replace(JUDGE, rubric="The same figures."))
    bench.evaluate()
    assert len(bench.bedrock.requests) == 2 * asked
    assert bench.tokens() == 57 * 2 * asked


def test_an_answer_of_several_variants_is_judged_once(bench: Bench) -> None:
    write_some(bench)
    write_answers(bench.results, "prompting", "zero-shot", ["30 months [PRD-01]", "4 kilos", "blue", "No idea."])
    bench.evaluate()
    assert len(bench.bedrock.requests) == 2 * 3
    zero, few = bench.quality("zero-shot", "judged"), bench.quality("few-shot", "judged")
    assert zero is not None
    assert few is not None
    assert zero.value == few.value == 0.5


def test_spend_is_usage_of_the_judge_apart_from_the_approach(bench: Bench) -> None:
    write_some(bench)
    bench.evaluate()
    rows = bench.usage()
    assert {(row.approach, row.variant, row.model) for row in rows} == {("shared", None, MODEL)}
    assert {row.unit for row in rows} == {"tokens"}
    assert {phase_of(row, "judge-prompting-00000") for row in rows} == {"judging"}
    own = bench.results.read(keys.usage("handbook", "r1", "prompting", "evaluate"), UsageRow)
    assert not [row for row in own if row.unit == "tokens"]


def test_time_runs_out_and_a_later_call_goes_on(bench: Bench) -> None:
    write_some(bench)
    answered = bench.bedrock.reply

    def late(text: str) -> str:
        if "blue" in text:
            raise DeadlineError("deadline")
        return answered(text)

    bench.bedrock.reply = late
    with pytest.raises(JudgingUnfinishedError, match="part 00001 of prompting: deadline; call the step again"):
        bench.evaluate()
    assert not bench.results.exists(keys.quality("handbook", "r1", "prompting"))
    assert bench.results.exists(keys.usage("handbook", "r1", "prompting", "evaluate"))
    paid = bench.tokens()
    assert paid == 57 * 4
    bench.bedrock.reply = answered
    bench.bedrock.requests.clear()
    bench.evaluate()
    assert len(bench.bedrock.requests) == 2
    assert bench.tokens() == paid + 57 * 2
    judged = bench.quality("few-shot", "judged")
    assert judged is not None
    assert judged.n == 4


def test_an_overloaded_judge_is_asked_again_later(bench: Bench) -> None:
    write_some(bench)
    answered = bench.bedrock.reply

    def overloaded(text: str) -> str:
        if "kilos" in text:
            raise client_error("ServiceUnavailableException", 503, "try later")
        return answered(text)

    bench.bedrock.reply = overloaded
    with pytest.raises(JudgingUnfinishedError, match="part 00000 of prompting: ServiceUnavailableException"):
        bench.evaluate()
    bench.bedrock.reply = answered
    bench.evaluate()
    judged = bench.quality("few-shot", "judged")
    assert judged is not None
    assert (judged.n, judged.left_out) == (4, 0)


def test_usage_that_was_lost_is_made_again_from_the_replies(bench: Bench) -> None:
    write_some(bench)
    bench.evaluate()
    tokens, asked = bench.tokens(), len(bench.bedrock.requests)
    bench.results.s3.delete_object(
        Bucket="results", Key=keys.usage("handbook", "r1", keys.SHARED, "judge-prompting-00000")
    )
    assert bench.tokens() < tokens
    bench.evaluate()
    assert (bench.tokens(), len(bench.bedrock.requests)) == (tokens, asked)


def test_a_judge_that_cannot_be_reached_costs_no_evaluation_and_is_asked_again(bench: Bench) -> None:
    write_some(bench)
    answered = bench.bedrock.reply

    def refuse(text: str) -> str:
        raise client_error("AccessDeniedException", 403, "no access to the model")

    bench.bedrock.reply = refuse
    bench.evaluate()
    judged, exact = bench.quality("few-shot", "judged"), bench.quality("few-shot", "exact")
    assert judged is not None
    assert exact is not None
    assert (judged.n, judged.left_out, exact.value) == (1, 3, 0.25)
    assert bench.usage() == []
    bench.bedrock.reply = answered
    bench.evaluate()
    judged = bench.quality("few-shot", "judged")
    assert judged is not None
    assert (judged.n, judged.left_out) == (4, 0)


RATED = (
    Rated(answer="30 and a half", right=True),
    Rated(answer="33 months", right=False),
    Rated(answer="30 months, perhaps", right=False),
    Rated(answer="39", right=False),
)


def test_agreement_with_people_is_measured_once_for_all_approaches(bench: Bench) -> None:
    bench.ask([replace(QUESTIONS[0], rated=RATED), *QUESTIONS[1:]])
    write_some(bench)
    bench.evaluate()
    kappa = bench.quality("zero-shot", "judge-kappa")
    assert kappa is not None
    # right/right, wrong/wrong, wrong/right, wrong/wrong: .75 agree, .5 by chance.
    assert (kappa.value, kappa.n) == (0.5, 4)
    assert kappa.low < 0.5 < kappa.high
    asked = len(bench.bedrock.requests)
    write_answers(bench.results, "fine-tuning", "lora", [q.answer for q in QUESTIONS])
    bench.evaluate("fine-tuning")
    assert len(bench.bedrock.requests) == asked
    other = bench.quality("lora", "judge-kappa", "fine-tuning")
    assert other is not None
    assert (other.value, other.n, other.low, other.high) == (kappa.value, kappa.n, kappa.low, kappa.high)


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        # Undecided is a third verdict: people never give it.
        (lambda text: "?", 0.0),
        (lambda text: said("wrong"), 0.0),
        (lambda text: said("right" if "30 and" in part(text, "candidate") else "wrong"), 1.0),
    ],
)
def test_a_judge_that_says_nothing_useful_has_no_agreement(
    bench: Bench, reply: Callable[[str], str], value: float
) -> None:
    bench.ask([replace(QUESTIONS[0], rated=RATED), *QUESTIONS[1:]])
    write_some(bench)
    bench.bedrock.reply = reply
    bench.evaluate()
    kappa = bench.quality("zero-shot", "judge-kappa")
    assert kappa is not None
    assert kappa.value == pytest.approx(value)


def test_without_rated_answers_there_is_no_agreement(bench: Bench) -> None:
    write_some(bench)
    bench.evaluate()
    assert bench.quality("few-shot", "judge-kappa") is None


def write_rag(bench: Bench, chunk: str | None = None) -> None:
    manifest = bench.results.manifest("handbook", "r1")
    bench.results.write(f"{manifest.input_prefix}documents.jsonl", [PAGE])
    (own,) = chunk_document(PAGE, bench.definition().retrieval)
    shown = (Retrieved(document=PAGE.id, chunk=chunk or own.id, rank=1, score=1.0),)
    texts = ["30 months. It is green.", "4 kg [PRD-02]", "", bench.definition().house_style.refusal]
    rows = [
        AnswerRow(
            experiment="handbook",
            run="r1",
            approach="rag",
            variant="rag",
            question_id=question.id,
            text=text or "",
            retrieved=shown,
        )
        for question, text in zip(QUESTIONS, texts, strict=True)
    ]
    bench.results.write(keys.answers("handbook", "r1", "rag", "rag", 0), rows)


def test_the_share_of_statements_that_the_pages_support(bench: Bench) -> None:
    write_rag(bench)

    def reply(text: str) -> str:
        if "<page>" not in text:
            return fair(text)
        assert "[PRD-01] Tube: The tube lasts 30 months. It weighs 4 kg." in part(text, "page")
        statements = [s for s in part(text, "answer").split(".") if s.strip()]
        return json.dumps({"statements": [{"statement": s, "supported": "green" not in s} for s in statements]})

    bench.bedrock.reply = reply
    bench.evaluate("rag")
    grounded = bench.quality("rag", "grounded", "rag")
    assert grounded is not None
    # The refusal and the empty answer state nothing: they are not asked about.
    assert (grounded.value, grounded.n, grounded.left_out) == (0.75, 2, 0)
    assert sum("<page>" in text for text in bench.bedrock.asked) == 2
    kept = bench.results.read(keys.judgements("handbook", "r1", "rag", "00000"), JudgementRow)
    assert {row.subject for row in kept} == {
        "rag s1 reference first",
        "rag s1 candidate first",
        "rag s1 grounded",
        "rag s2 grounded",
    }
    assert bench.quality("rag+few-shot", "grounded", "rag") is None


def test_an_unreadable_list_of_statements_is_left_out_and_counted(bench: Bench) -> None:
    write_rag(bench)
    bench.bedrock.reply = lambda text: (
        "Supported."
        if "green" in text and "<page>" in text
        else json.dumps({"verdict": "right", "statements": [{"supported": True}]})
    )
    bench.evaluate("rag")
    grounded = bench.quality("rag", "grounded", "rag")
    assert grounded is not None
    assert (grounded.value, grounded.n, grounded.left_out) == (1.0, 1, 1)


def test_a_page_that_the_documents_do_not_hold_is_named(bench: Bench) -> None:
    write_rag(bench, chunk="gone")
    with pytest.raises(AnswersError, match="question s1 was shown chunk gone of 'PRD-01'"):
        bench.evaluate("rag")


def test_without_a_judge_no_model_is_called_and_nothing_is_judged(bench: Bench) -> None:
    bench.change(judge=None)
    write_some(bench)
    bench.evaluate()
    assert bench.bedrock.requests == []
    assert bench.quality("few-shot", "judged") is None


def test_a_function_that_was_deployed_without_the_judge_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUDGE_MODEL_ID")
    write_some(bench)
    with pytest.raises(SettingsError, match="JUDGE_MODEL_ID is not set"):
        bench.evaluate()
