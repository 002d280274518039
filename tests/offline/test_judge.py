"""A judge on the embedded AWS: the real function asks the real engine by its inference profile.

The model is a tiny random one, so its verdicts are noise: what is measured must say so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal

import boto3
import pytest
from emulator_access import session_of, settled

from contracts import json_codec, keys
from contracts.experiment import Judge, Rated
from contracts.money import UsageRow
from contracts.run import JudgementRow, QualityRow
from lambdas.common import runtime
from lambdas.common.store import Results
from lambdas.evaluation.handler import evaluate
from offline.sandbox import Sandbox
from tests.unit.lambdas.evaluation.bucket_run import QUESTIONS, Context, make_run, write_answers

pytestmark = pytest.mark.emulator

MODEL = "us.amazon.nova-lite-v1:0"
TEMPLATE = {
    "Resources": {
        "Judge": {
            "Type": "AWS::Bedrock::ApplicationInferenceProfile",
            "Properties": {
                "InferenceProfileName": "judge-of-a-test",
                "ModelSource": {"CopyFrom": f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{MODEL}"},
            },
        }
    },
    "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Judge", "InferenceProfileArn"]}}},
}
RATED = (Rated(answer="two years and a half", right=True), Rated(answer="33 months", right=False))
EVENT = {"experiment": "handbook", "run": "r1", "approach": "prompting"}


@dataclass(frozen=True)
class Judged:
    """What the bucket holds after a first evaluation and after a second one."""

    quality: list[QualityRow]
    replies: list[JudgementRow]
    usage: list[list[UsageRow]]


@pytest.fixture(scope="module")
def judged(sandbox: Sandbox) -> Judged:
    session = session_of(sandbox)
    stacks = session.client("cloudformation")
    stacks.create_stack(StackName="judge-of-a-test", TemplateBody=json.dumps(TEMPLATE))
    outputs = settled(stacks, "judge-of-a-test")["Outputs"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "client", session.client)
        patch.setenv("JUDGE_PROFILE_ARN", outputs[0]["OutputValue"])
        patch.setenv("JUDGE_MODEL_ID", MODEL)
        results = make_run(patch, **{"bedrock-runtime": session.client("bedrock-runtime")})
        _name_the_judge(results)
        write_answers(results, "prompting", "few-shot", ["30 months [PRD-01]", "4 kilos", "blue", "No idea."])
        usage = []
        for _ in range(2):
            evaluate(EVENT, Context())
            prefix = f"{keys.approach_prefix('handbook', 'r1', keys.SHARED)}usage/"
            usage.append(results.read_prefix(prefix, UsageRow))
        runtime.reset_clients()
        return Judged(
            quality=results.read(keys.quality("handbook", "r1", "prompting"), QualityRow),
            replies=[
                row
                for approach in ("prompting", keys.SHARED)
                for row in results.read_prefix(
                    f"{keys.approach_prefix('handbook', 'r1', approach)}judgements/", JudgementRow
                )
            ],
            usage=usage,
        )


def _name_the_judge(results: Results) -> None:
    manifest = results.manifest("handbook", "r1")
    judge = Judge(model=MODEL, rubric="The same facts.")
    definition = replace(results.experiment(manifest), judge=judge)
    results.write_text(f"{manifest.input_prefix}experiment.json", json.dumps(json_codec.to_jsonable(definition)))
    questions = [replace(QUESTIONS[0], rated=RATED), *QUESTIONS[1:]]
    results.write(f"{manifest.input_prefix}questions.test.jsonl", questions)


def test_noise_is_not_measured_and_does_not_agree_with_people(judged: Judged) -> None:
    of_variant = {q.metric: q for q in judged.quality if (q.variant, q.split) == ("few-shot", "all")}
    assert (of_variant["judged"].value, of_variant["judged"].n, of_variant["judged"].left_out) == (1.0, 1, 3)
    assert of_variant["undecided"].value == 0.75
    assert (of_variant["judge-kappa"].value, of_variant["judge-kappa"].n) == (0.0, 2)


def test_every_token_is_metered_once(judged: Judged) -> None:
    assert len(judged.replies) == 2 * 3 + 2 * len(RATED)
    spent = Decimal(sum(row.input_tokens + row.output_tokens for row in judged.replies))
    assert spent > 0
    for rows in judged.usage:
        assert sum((row.amount for row in rows), Decimal(0)) == spent
        assert {row.usage_type for row in rows} == {"USE1-NovaLite-input-tokens", "USE1-NovaLite-output-tokens"}
