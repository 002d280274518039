"""Reads an approach's answers and writes its quality, scores and usage; asks the judge first, where there is one."""

from __future__ import annotations

import functools
from typing import Any

from contracts import keys
from contracts.experiment import Approach, Experiment, Question
from contracts.run import AnswerRow, Manifest
from lambdas.common import runtime, settings
from lambdas.common.settings import JudgeSettings
from lambdas.common.step import Step
from lambdas.evaluation import model_files, scoring
from lambdas.evaluation.bertscore import BertScore
from lambdas.evaluation.judge.calls import Calls, JudgingUnfinishedError
from lambdas.evaluation.judge.verdicts import Judgement, judge_answers
from lambdas.evaluation.overlap import Overlap


def evaluate(step: Step, approach: Approach) -> dict[str, Any]:
    """Return `{"approach", "variants", "answers", "quality_key"}`; overwrite what an earlier call wrote.

    Raises:
        AnswersError: there are no answers, or they do not fit the questions.
        JudgingUnfinishedError: the time ran out while the judge was asked; a later call goes on from there.
    """
    manifest, results = step.manifest, step.results
    experiment, run = manifest.experiment, manifest.run
    answers = results.read_prefix(f"{keys.approach_prefix(experiment, run, approach)}answers/", AnswerRow)
    if not answers:
        raise scoring.AnswersError(f"run {run}: approach {approach} has no answers; its answering step failed")
    definition = results.experiment(manifest)
    everything = results.questions(manifest, "test")
    questions = asked(manifest, everything)
    judgement = _judged(step, definition, approach, answers, questions, everything)
    overlap, bertscore = scorers()
    found = scoring.evaluate(
        answers,
        questions,
        definition.house_style,
        experiment=experiment,
        run=run,
        approach=approach,
        seed=manifest.seed,
        overlap=overlap,
        bertscore=bertscore,
        scoring=definition.scoring,
        label_task=definition.task == "label",
        judged=judgement.scores if judgement else None,
    )
    quality = [*found.quality, *(judgement.quality(found.quality) if judgement else ())]
    results.write(keys.scores(experiment, run, approach), found.scores)
    quality_key = keys.quality(experiment, run, approach)
    results.write(quality_key, quality)
    variants = list(dict.fromkeys(row.variant for row in found.scores))
    errors = sum(1 for row in answers if row.error is not None)
    step.log.info("evaluated", variants=variants, answers=len(answers), errors=errors)
    step.write_usage(approach, "evaluate", continued=True)
    return {"approach": approach, "variants": variants, "answers": len(answers), "quality_key": quality_key}


def _judged(
    step: Step,
    definition: Experiment,
    approach: Approach,
    answers: list[AnswerRow],
    questions: list[Question],
    everything: list[Question],
) -> Judgement | None:
    """Return what the experiment's judge says of the answers; None where it has no judge.

    All rated answers count for its agreement with people, whichever questions the run asks.
    """
    if definition.judge is None:
        return None
    calls = Calls(step, settings.read(JudgeSettings), runtime.client("bedrock-runtime"), approach)
    variants = scoring.by_variant(answers, questions, approach)
    rated = [question for question in everything if question.rated]
    try:
        return judge_answers(step, calls, definition, definition.judge, approach, variants, questions, rated)
    except JudgingUnfinishedError:
        step.write_usage(approach, "evaluate", continued=True)
        raise


def asked(manifest: Manifest, questions: list[Question]) -> list[Question]:
    """The run's test questions in the manifest's order.

    Raises:
        AnswersError: the manifest names a question that the file does not hold.
    """
    by_id = {question.id: question for question in questions}
    missing = [name for name in manifest.test_question_ids if name not in by_id]
    if missing:
        raise scoring.AnswersError(f"run {manifest.run}: question {missing[0]} is not in questions.test.jsonl")
    return [by_id[name] for name in manifest.test_question_ids]


@functools.cache
def scorers() -> tuple[Overlap, BertScore]:
    """Return the scorers, loaded by the first call (1 to 2 s), kept for the warm ones."""
    return Overlap(), BertScore(model_files.find())
