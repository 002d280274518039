"""What is wrong with a gate and with what its metrics need, found before a run is paid for. Standard library only.

A gate is refused when it could not tell right from wrong: without a metric of correctness, word overlap and form
would decide, and they rank invented answers in house style above right ones (see `overlap`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from contracts.experiment import VARIANTS, Experiment, GateRule, Question, TaskKind
from lambdas.evaluation.metrics import CORRECTNESS, METRICS, Metric, top_of
from lambdas.evaluation.scoring import split_of
from lambdas.evaluation.text_metrics import value_of

#: Measured where the reference answers are labels.
OF_LABELS = ("label-accuracy", "macro-f1", "label-precision", "label-recall", "label-f1")


class GateProblem(NamedTuple):
    """Where in the experiment something is wrong (`("gate", 0, "metric")`), what, and what to do."""

    where: tuple[int | str, ...]
    what: str
    todo: str


def is_correctness(rule: GateRule, task: TaskKind) -> bool:
    """Return whether the rule tells right answers from wrong ones; on unanswerable questions alone, a system that
    refuses everything is always right."""
    return rule.metric in CORRECTNESS[task] and rule.split != "unanswerable"


def rule_problems(rules: Sequence[GateRule], task: TaskKind) -> Iterator[GateProblem]:
    """Yield what is wrong with the rules themselves, in their order."""
    usable = ", ".join(name for name, metric in METRICS.items() if metric.use_instead is None)
    for index, rule in enumerate(rules):
        metric = METRICS.get(rule.metric)
        if metric is None:
            yield GateProblem(("gate", index, "metric"), f"{rule.metric!r} is unknown", f"use one of {usable}")
        elif metric.use_instead is not None:
            what = f"{rule.metric} is better when lower"
            yield GateProblem(("gate", index, "metric"), what, f"use {metric.use_instead}")
        else:
            yield from _demand_problems(index, rule, metric)
    if not any(is_correctness(rule, task) for rule in rules):
        named = ", ".join(rule.metric if rule.split is None else f"{rule.metric} on {rule.split}" for rule in rules)
        yield GateProblem(
            ("gate",),
            f"no rule asks for right answers (got {named or 'no rule'}); form and word overlap rank well-phrased wrong "
            "answers first, and a system that refuses everything is never wrong on unanswerable questions",
            f"add a rule on {' or '.join(CORRECTNESS[task])} over answerable questions",
        )


def _demand_problems(index: int, rule: GateRule, metric: Metric) -> Iterator[GateProblem]:
    top = top_of(rule.metric)
    if rule.minimum is None and rule.not_worse_than is None:
        todo = "set minimum, or not_worse_than and margin"
        yield GateProblem(("gate", index), f"the rule on {rule.metric} demands nothing", todo)
    if rule.minimum is not None and not 0 < rule.minimum <= top:
        todo = f"{rule.metric} needs a minimum above 0 and at most {top:g}"
        yield GateProblem(("gate", index, "minimum"), f"{rule.minimum:g} is out of range", todo)
    if metric.of == "label" and rule.split is None:
        yield GateProblem(("gate", index), f"{rule.metric} is a figure of one label", "name the label as split")
    if (rule.not_worse_than is None) != (rule.margin is None):
        yield GateProblem(("gate", index), "not_worse_than and margin go together", "set both or neither")
        return
    if rule.not_worse_than is None or rule.margin is None:
        return
    known = [variant for variants in VARIANTS.values() for variant in variants]
    if rule.not_worse_than not in known:
        what = f"{rule.not_worse_than!r} is not a variant"
        yield GateProblem(("gate", index, "not_worse_than"), what, f"use one of {', '.join(known)}")
    if not 0 < rule.margin < top:
        todo = f"{rule.metric} needs a margin above 0 and below {top:g}"
        yield GateProblem(("gate", index, "margin"), f"{rule.margin:g} is out of range", todo)
    if metric.of != "question" or rule.split is not None:
        what = "variants are compared question by question, over all questions"
        todo = "leave split out, and use a metric that each question has"
        yield GateProblem(("gate", index, "not_worse_than"), what, todo)


def problems(experiment: Experiment, test: Sequence[Question] = ()) -> Iterator[GateProblem]:
    """Yield what is wrong with the gate, the judge and the tolerances; `test` empty: the questions are not known."""
    yield from rule_problems(experiment.gate, experiment.task)
    splits = sorted({split_of(question) for question in test})
    labels = sorted({value_of(question.answer) for question in test})
    for index, rule in enumerate(experiment.gate):
        metric = METRICS.get(rule.metric)
        if metric is None:
            continue
        if missing := _missing(rule.metric, experiment):
            yield GateProblem(("gate", index, "metric"), f"{rule.metric} needs {missing[0]}", missing[1])
        known, what = (
            (labels, "a reference answer") if metric.of == "label" else (splits, "the first tag of a question")
        )
        if rule.split is not None and test and rule.split not in known:
            todo = f"use one of {', '.join(known)} ({what})"
            yield GateProblem(("gate", index, "split"), f"no test question belongs to {rule.split!r}", todo)
    yield from _judge_problems(experiment, test)
    for name in ("absolute_tolerance", "relative_tolerance"):
        value = getattr(experiment.scoring, name)
        if not (math.isfinite(value) and value >= 0):
            todo = "use 0 for the very number, or how far it may be away"
            yield GateProblem(("scoring", name), f"{value} is out of range", todo)


def _missing(metric: str, experiment: Experiment) -> tuple[str, str] | None:
    """Return what the experiment lacks for a metric to be measured, and what to do; None if it has all."""
    style = experiment.house_style
    if METRICS[metric].judged and experiment.judge is None:
        return "a judge", "add a section `judge` with model and rubric, or remove the rule"
    if metric in OF_LABELS and experiment.task != "label":
        return "labels", "set `task: label`, or use another metric"
    if metric == "format" and style.pattern is None:
        return "house_style.pattern", "write the pattern, or remove the rule"
    if metric in ("refusal-recall", "attempted") and style.refusal is None:
        return "house_style.refusal", "write the sentence, or remove the rule"
    return None


def _judge_problems(experiment: Experiment, test: Sequence[Question]) -> Iterator[GateProblem]:
    judge = experiment.judge
    if judge is None:
        return
    if not judge.rubric.strip():
        yield GateProblem(("judge", "rubric"), "is empty", "say what makes an answer right")
    if not 0 < judge.minimum_agreement <= 1:
        todo = "use a kappa above 0 and at most 1, for example 0.6"
        what = f"{judge.minimum_agreement} is out of range"
        yield GateProblem(("judge", "minimum_agreement"), what, todo)
    alone = all(METRICS[r.metric].judged for r in experiment.gate if is_correctness(r, experiment.task))
    if alone and experiment.gate and test and not any(question.rated for question in test):
        yield GateProblem(
            ("gate",),
            "the judge alone would decide, and no test question has `rated` answers to hold its verdicts against",
            f"add `rated` answers, or a rule on {CORRECTNESS[experiment.task][0]}",
        )
