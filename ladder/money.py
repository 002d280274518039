"""From an experiment folder to the setting of an estimate: tokens counted from its own files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from statistics import mean

from cost_reports.options import Setting
from cost_reports.prices import Catalogue
from cost_reports.workload import Task, Workload
from ladder.errors import LadderError
from ladder.experiment import LoadedExperiment
from lambdas.common import prompts

CHARACTERS_PER_TOKEN = 4
"""English text; the usual rule of thumb of model providers. Measured tokens of a run are in its report."""
REASONING_TOKENS = 120
"""What a model writes before its answer when it is asked to think first."""


def tokens(text: str) -> int:
    """Tokens of a text, at least one."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))


def task_of(loaded: LoadedExperiment) -> Task:
    """The size of the experiment's task, from its documents, questions and the prompts that are really sent."""
    e = loaded.experiment
    questions = loaded.test or loaded.train
    pages = [prompts.page_text(d) for d in loaded.documents]
    chunk = min(mean(len(p) for p in pages), e.retrieval.chunk_characters)
    answer = _mean(q.answer for q in questions)
    style = prompts.zero_shot("", e.house_style).system or ""
    shot = _mean(q.question for q in loaded.train) + _mean(q.answer for q in loaded.train) if loaded.train else 0
    passage = tokens("x" * round(chunk))
    return Task(
        documents=len(loaded.documents),
        corpus_tokens=sum(map(tokens, pages)),
        question_tokens=_mean(q.question for q in questions),
        answer_tokens=answer,
        style_tokens=tokens(style),
        shots=prompts.FEW_SHOTS,
        shot_tokens=shot,
        reasoning_tokens=REASONING_TOKENS,
        pages=e.retrieval.pages,
        chunk_tokens=passage,
        train_examples=max(1, len(loaded.train)),
        train_example_tokens=max(1, shot),
        epochs=e.training.epochs_closed_book,
    )


def setting_of(
    loaded: LoadedExperiment,
    catalogue: Catalogue,
    *,
    region: str = "us-east-1",
    requests_per_month: int | None = None,
    horizon_months: int | None = None,
    assumed: Mapping[str, Fraction] | None = None,
    measured: Mapping[str, tuple[Fraction, Fraction]] | None = None,
) -> Setting:
    """What an estimate of the experiment needs; volume, horizon and tokens may be put in place of its own.

    Raises:
        LadderError: an amount in experiment.yaml is no number.
        WorkloadError: a number of the workload is impossible.
    """
    e, w = loaded.experiment, loaded.experiment.workload
    workload = Workload(
        requests_per_month=w.requests_per_month if requests_per_month is None else requests_per_month,
        horizon_months=w.horizon_months if horizon_months is None else horizon_months,
        peak_factor=Decimal(str(w.peak_factor)),
        monthly_growth=Decimal(str(w.monthly_growth)),
        document_changes_per_month=w.document_changes_per_month,
        retrain_every_months=w.retrain_every_months,
        value_per_accepted_answer_usd=_usd(loaded, "value_per_accepted_answer_usd", w.value_per_accepted_answer_usd),
        minutes_saved_per_accepted_answer=None
        if w.minutes_saved_per_accepted_answer is None
        else Decimal(str(w.minutes_saved_per_accepted_answer)),
        hourly_wage_usd=_usd(loaded, "hourly_wage_usd", w.hourly_wage_usd),
    )
    return Setting(
        experiment=e.name,
        catalogue=catalogue,
        task=task_of(loaded),
        workload=workload,
        generator=e.models.generator,
        embedding=e.models.embedding,
        dimensions=e.models.embedding_dimensions,
        base_model=e.models.fine_tuning_base,
        training_instance=e.models.training_instance,
        hosting_instance=e.models.hosting_instance,
        region=region,
        rank=e.training.rank,
        assumed=dict(assumed or {}),
        measured=dict(measured or {}),
    )


def parse_assumptions(given: Iterable[str]) -> dict[str, Fraction]:
    """`["ocu_rate=20"]` -> `{"ocu_rate": 20}`.

    Raises:
        LadderError: one is not of the form name=number.
    """
    found = {}
    for text in given:
        name, _, number = text.partition("=")
        try:
            found[name.strip()] = Fraction(number.strip())
        except (ValueError, ZeroDivisionError) as error:
            raise LadderError(f"--assume {text!r}: write name=number, for example ocu_rate=20") from error
    return found


def read_templates(app: Path) -> dict[str, dict[str, object]]:
    """Stack name -> CloudFormation template of a synthesised app.

    Raises:
        LadderError: there is none, or one is not JSON.
    """
    files = sorted(app.glob("*.template.json"))
    if not files:
        raise LadderError(f"{app} holds no *.template.json; write them with `npx cdk synth --output {app}`")
    found = {}
    for path in files:
        try:
            found[path.name.removesuffix(".template.json")] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise LadderError(f"{path}: not JSON: {error}") from error
    return found


def _mean(texts: Iterable[str]) -> int:
    return max(1, round(mean(tokens(t) for t in texts)))


def _usd(loaded: LoadedExperiment, name: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise LadderError(f"{loaded.folder / 'experiment.yaml'}: workload.{name} {text!r} is no amount") from error
