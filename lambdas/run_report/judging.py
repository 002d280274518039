"""What a judge is expected to read and write in a run, and what a report's reader must know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from contracts.experiment import APPROACHES, PAGE_VARIANTS, VARIANTS, Document, Experiment, Question
from contracts.keys import SHARED
from contracts.money import UsageRow
from cost_reports.estimate.plan import estimate_rows
from cost_reports.estimate.workload import Task
from lambdas.common.prompts import Prompt
from lambdas.evaluation.judge.asking import ORDERS, grounding_prompt, verdict_prompt
from lambdas.evaluation.metrics import METRICS
from lambdas.run_report.outlook import CHARACTERS_PER_TOKEN, tokens

VERDICT_OUTPUT = 40
"""Tokens of a verdict with its one short sentence."""
STATEMENT_OUTPUT = 25
"""Tokens of one statement's JSON beside the words of the answer."""


def expected(
    definition: Experiment, task: Task, asked: Sequence[Question], everything: Sequence[Question], region: str
) -> list[UsageRow]:
    """Return the tokens that the judge is expected to need for the `asked` questions and for all rated answers.

    Candidates are taken to be as long as their references, and none to be exactly right, which would need no judge.
    """
    judge = definition.judge
    if judge is None:
        return []
    variants = [variant for approach in APPROACHES for variant in VARIANTS[approach]]
    read = written = 0
    page = Document(id="page", title="", text="x" * task.chunk_tokens * CHARACTERS_PER_TOKEN)
    pages = {True: definition.retrieval.pages_fine_tuned, False: definition.retrieval.pages}
    for question in asked:
        own = [verdict_prompt(judge, question.question, question.answer, question.answer, order) for order in ORDERS]
        read += len(variants) * sum(map(_input, own))
        written += len(variants) * len(own) * VERDICT_OUTPUT
        for variant in PAGE_VARIANTS:
            shown = [page] * pages[variant in VARIANTS["fine-tuning"]]
            read += _input(grounding_prompt(question.question, question.answer, shown))
            written += tokens(question.answer) + STATEMENT_OUTPUT
    for question in everything:
        for rated in question.rated:
            own = [verdict_prompt(judge, question.question, question.answer, rated.answer, o) for o in ORDERS]
            read += sum(map(_input, own))
            written += len(own) * VERDICT_OUTPUT
    rows = replace(estimate_rows(definition.name, SHARED, "", region), variant=None)
    source = "prompts of the judge for every answer and every rated answer"
    return [
        rows.tokens(judge.model, name, Fraction(amount), source)
        for name, amount in (("input", read), ("output", written))
    ]


def notes(definition: Experiment, accepted_metric: str) -> list[str]:
    """Return what the numbers of the judge, and of a metric that is a mean, do not say by themselves."""
    found = []
    if not METRICS[accepted_metric].proportion:
        found.append(
            f"Accepted answers are counted by the mean of {accepted_metric}: two answers with 0.5 count as one."
        )
    if definition.judge is not None:
        found.append(
            "The judge's verdict is asked for twice, reference and answer swapped; where the two differ the answer gets"
            " half a point. Answers that are exactly the reference are right without a judge."
        )
        if definition.judge.model == definition.models.generator:
            found.append("The judge is the generator's own model: models tend to favour answers of their own.")
    return found


def _input(prompt: Prompt) -> int:
    return tokens("".join([prompt.system or "", *(message.content for message in prompt.messages)]))
