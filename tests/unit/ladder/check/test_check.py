"""`ladder check`: what a run would send, the limits that it meets, what it costs, and what stands in its way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.experiment import VARIANTS
from cost_reports.estimate.expected_usage import estimated_charges, run_usage
from cost_reports.metering.charges import total
from cost_reports.prices.catalogue import Catalogue
from cost_reports.render import terminal
from ladder.check.limits import require_fit
from ladder.check.page import document
from ladder.check.report import Check, check, require_no_error
from ladder.check.sizes import measure, spread
from ladder.errors import LadderError
from ladder.experiment.folder import LoadedExperiment, load
from ladder.runs.manifest import plan
from lambdas.common.prompts import Message, Prompt
from lambdas.run_report import outlook
from lambdas.run_report.outlook import TURN_TOKENS, sent_tokens
from tests.offline import small_experiment

Changed = Callable[..., Path]

#: A base that takes 8,192 tokens.
SMALL_BASE = {
    "fine_tuning_base": "HuggingFaceTB/SmolLM2-135M-Instruct",
    "fine_tuning_base_revision": "ab" * 20,
}


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """Writes the small experiment with other settings: section=value, the value merged where it is a section."""

    def write(**settings: Any) -> Path:
        folder = small_experiment.write(tmp_path)
        path = folder / "experiment.yaml"
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, value in settings.items():
            values[name] = {**values.get(name, {}), **value} if isinstance(value, dict) else value
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return folder

    return write


def checked(folder: Path, profile: str = "all") -> Check:
    return check(folder, profile=profile, region="us-east-1")


def planned(loaded: LoadedExperiment) -> Any:
    return plan(loaded, "all", "r1", created="2026-12-01T00:00:00+00:00", git_commit=None)


def test_spread_and_prompt_tokens_by_hand() -> None:
    found = spread([9, 1, 4, 2])
    assert (found.least, found.median, found.most) == (1, 3, 9)
    assert spread([]).most == 0
    prompt = Prompt(
        system="a" * 8, messages=(Message("user", "b" * 9), Message("assistant", "漢字")), max_output_tokens=1
    )
    assert sent_tokens(prompt) == 2 + 3 + 2 + 3 * TURN_TOKENS


def test_counts_and_sizes_of_the_small_experiment(changed: Changed) -> None:
    found = checked(changed())
    assert (found.errors, found.counts.documents, found.counts.train, found.counts.test) == ((), 4, 6, 6)
    assert (found.counts.with_page, found.counts.unanswerable, found.counts.answers) == (5, 1, 6 * 9)
    assert found.counts.splits == {"new-fact": 3, "seen-fact": 2, "unanswerable": 1}
    assert [size.variant for size in found.variants] == [name for names in VARIANTS.values() for name in names]
    longest = max(outlook.tokens(question) for _, question, _ in small_experiment.TEST)
    assert found.questions.most == longest
    by = {size.variant: size for size in found.variants}
    assert by["base"].prompts.most == longest + TURN_TOKENS
    assert by["lora+rag"].prompts == by["base+rag"].prompts
    assert by["few-shot"].prompts.least > by["zero-shot"].prompts.most
    assert by["rag+few-shot"].prompts.least > by["rag"].prompts.most
    assert by["chain-of-thought"].answer_tokens > by["zero-shot"].answer_tokens


def test_no_prompt_is_longer_than_with_the_longest_chunks(changed: Changed) -> None:
    loaded = load(changed(retrieval={"pages": 2}))
    found = measure(loaded, planned(loaded))
    rag = next(prompt for prompt in found.prompts if prompt.variant == "rag")
    assert len(rag.pages) == 2
    lengths = {page.id: outlook.tokens(page.text) for page in loaded.documents}
    assert set(rag.pages) == set(sorted(lengths, key=lambda name: (-lengths[name], name))[:2])
    assert rag.tokens >= rag.typical_tokens


def test_the_cost_is_that_of_the_reports_estimate(changed: Changed) -> None:
    folder = changed()
    found, loaded = checked(folder, "small").cost, load(folder)
    task = outlook.task_of(loaded.experiment, loaded.documents, loaded.train, loaded.test)
    manifest = plan(loaded, "small", "r1", created="2026-12-01T00:00:00+00:00", git_commit=None)
    catalogue = Catalogue.load()
    inputs = outlook.inputs_of(loaded.experiment, outlook.of_run(task, manifest), catalogue)
    assert inputs.task.train_examples == 4
    rows = run_usage(inputs, 6, [(approach, name) for approach, names in VARIANTS.items() for name in names])
    assert found.total_usd == total(estimated_charges(catalogue, rows))
    assert found.total_usd == sum(part.usd for part in found.parts)
    assert {part.approach for part in found.parts} == set(VARIANTS)


def test_a_prompt_that_cannot_fit_is_named_before_anything_is_paid(changed: Changed) -> None:
    folder = changed(models=SMALL_BASE, prompt={"answer_tokens": 8190})
    found = checked(folder)
    (line,) = found.errors
    assert line.startswith("HuggingFaceTB/SmolLM2-135M-Instruct takes 8,192 tokens of prompt and answer, not 8,")
    assert "24 prompts of base, base+rag, lora, lora+rag: question test-" in line
    assert ", pages SHP-0" in line
    with pytest.raises(LadderError, match="1 error, see above; a run would fail"):
        require_no_error(found, folder)
    loaded = load(folder)
    with pytest.raises(LadderError, match=r"SmolLM2-135M-Instruct takes 8,192 tokens .*`ladder check` shows all"):
        require_fit(loaded, planned(loaded), Catalogue.load())


def test_what_fits_or_may_fit_hinders_nothing(changed: Changed) -> None:
    folder = changed(models=SMALL_BASE, prompt={"answer_tokens": 7000})
    found = checked(folder)
    assert found.errors == ()
    assert [limit.state for limit in found.limits] == ["fits", "may not fit", "fits"]
    assert any(line.startswith("may not fit HuggingFaceTB/SmolLM2-135M-Instruct (7,") for line in found.warnings)
    require_no_error(found, folder)
    loaded = load(folder)
    require_fit(loaded, planned(loaded), Catalogue.load())


def test_chunks_are_held_against_the_embedding_model(changed: Changed) -> None:
    models = {"embedding": "cohere.embed-english-v3", "embedding_dimensions": 1024}
    folder = changed(models=models, retrieval={"chunk_characters": 4000, "chunk_overlap": 0})
    (folder / "documents" / "SHP-05.md").write_text("漢字" * 600, encoding="utf-8")
    (line,) = [line for line in checked(folder).errors if "embed" in line]
    assert line.startswith("cohere.embed-english-v3 takes 512 tokens of chunk to embed, not 1,200 (page SHP-05);")


def test_a_model_whose_limits_are_unknown_is_said(changed: Changed) -> None:
    found = checked(changed(models={**SMALL_BASE, "fine_tuning_base": "someone/new-model"}))
    assert [limit.state for limit in found.limits] == ["fits", "unknown", "fits"]
    assert any(line.startswith("someone/new-model: limit not known here; ") for line in found.warnings)
    assert any(line.startswith("the run cannot be priced in us-east-1: ") for line in found.errors)


def test_answers_that_would_be_cut_are_counted(changed: Changed) -> None:
    found = checked(changed(prompt={"answer_tokens": 4}))
    (line,) = [line for line in found.warnings if "answer_tokens" in line]
    longer = [n for n, (_, _, answer) in enumerate(small_experiment.TEST) if outlook.tokens(answer) > 4]
    assert line.startswith(f"{len(longer)} of 6 reference answers longer than prompt.answer_tokens (4), ")
    assert line.endswith(f"raise it to {found.answers.most} or more")


def test_few_questions_missing_pages_and_copies_are_said(changed: Changed) -> None:
    folder = changed()
    (folder / "documents" / "SHP-05.md").write_text(small_experiment.PAGES["SHP-04"][1], encoding="utf-8")
    path = folder / "questions.test.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    lines[0]["document"] = None
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    found = checked(folder)
    assert "6 test questions: at 50 % correct the 95 % interval is ±41 points" in found.warnings
    assert "1 test question without a page: whether search finds it is not measured on them" in found.warnings
    assert "1 page with the text of another page: search cannot tell which one is meant" in found.warnings


def test_examples_that_do_not_exist_are_one_line(changed: Changed) -> None:
    with pytest.raises(
        LadderError, match=r"experiment.yaml: prompt: 40 shots are needed, .*; lower shots or page_shots"
    ):
        checked(changed(prompt={"shots": 40}))


@pytest.mark.parametrize("verbose", [False, True])
def test_it_is_one_screen(changed: Changed, verbose: bool, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    folder = changed(models=SMALL_BASE, prompt={"answer_tokens": 7000})
    (folder / "documents" / "SHP-05.md").write_text(small_experiment.PAGES["SHP-04"][1], encoding="utf-8")
    terminal.render(document(checked(folder), verbose=verbose), Console(width=100))
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= 100
    assert (len(shown) <= 40) is not verbose
    assert any(line.startswith("prompts base, lora ") for line in shown)
