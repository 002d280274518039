"""The three small samples keep their promises: counts, ids, answers that stand where they should, no leak."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.experiment import Question
from experiments import generate_directory, generate_requests
from ladder.experiment.folder import LoadedExperiment, load
from ladder.runs.manifest import plan
from lambdas.common.prompts import choose_shots, citations
from lambdas.evaluation.gate import check
from lambdas.rag.shots import shots_with_pages

ROOT = Path(__file__).parents[4]
#: Sample -> (pages, training questions, test questions, what its page ids begin with).
SIZES = {"requests": (5, 24, 72, "WRK"), "directory": (70, 18, 64, "DIR"), "triage": (9, 112, 64, "DSK")}
GENERATED: dict[str, Callable[[], dict[str, str]]] = {
    "requests": generate_requests.files,
    "directory": generate_directory.files,
}
COLOURS = {"red", "blue", "green", "gold", "white", "brown", "orange", "black"}


@pytest.fixture(scope="module")
def samples() -> dict[str, LoadedExperiment]:
    return {name: load(ROOT / "experiments" / name) for name in SIZES}


def words(text: str) -> str:
    """Lower-case words between blanks, so that a run of whole words can be searched for as a substring."""
    return " " + " ".join(re.findall(r"[a-z0-9]+", text.lower())) + " "


def subject(question: Question) -> str:
    return question.tags[-1]


@pytest.mark.parametrize("name", GENERATED)
def test_the_files_are_what_the_generator_writes(name: str) -> None:
    folder = ROOT / "experiments" / name
    for path, text in GENERATED[name]().items():
        assert (folder / path).read_bytes() == text.encode("utf-8"), f"run `python -m experiments.generate_{name}`"


@pytest.mark.parametrize("name", GENERATED)
def test_another_process_with_another_hash_seed_writes_the_same_bytes(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-m", f"experiments.generate_{name}", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    found = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {path: text.encode("utf-8") for path, text in GENERATED[name]().items()}


@pytest.mark.parametrize("name", SIZES)
def test_counts_and_ids(samples: dict[str, LoadedExperiment], name: str) -> None:
    loaded = samples[name]
    pages, train, test, prefix = SIZES[name]
    assert (len(loaded.documents), len(loaded.train), len(loaded.test)) == (pages, train, test)
    assert [d.id for d in loaded.documents] == [f"{prefix}-{number:02d}" for number in range(1, pages + 1)]
    assert loaded.experiment.name == name
    assert all(len(d.text) < loaded.experiment.retrieval.chunk_characters for d in loaded.documents)


@pytest.mark.parametrize("name", SIZES)
def test_a_run_of_either_profile_can_be_planned_and_decided(samples: dict[str, LoadedExperiment], name: str) -> None:
    loaded = samples[name]
    check(loaded.experiment.gate, loaded.experiment.task)
    documents = {d.id: d for d in loaded.documents}
    for profile, least in (("quick", 24), ("full", 60)):
        manifest = plan(loaded, profile, "r", created="", git_commit=None)
        assert len(manifest.test_question_ids) >= least
        assert manifest.closed_book_ids
        assert manifest.rag_ids
        assert len(choose_shots(loaded.train, manifest.seed, loaded.experiment.prompt.shots)) == 4
        assert len(shots_with_pages(loaded.train, documents, manifest.seed, loaded.experiment)) == 2


@pytest.mark.parametrize("name", SIZES)
def test_training_holds_no_test_question(samples: dict[str, LoadedExperiment], name: str) -> None:
    loaded = samples[name]
    trained = [words(q.question) for q in loaded.train]
    for question in loaded.test:
        assert not [t for t in trained if words(question.question) in t or t in words(question.question)], question.id
        assert not [d.id for d in loaded.documents if words(question.question) in words(d.text)], question.id


def test_requests_hold_their_answer_and_no_page_does(samples: dict[str, LoadedExperiment]) -> None:
    loaded = samples["requests"]
    jobs = [q.answer.removeprefix("JOB-") for q in (*loaded.train, *loaded.test)]
    assert len(set(jobs)) == len(jobs)
    for question, job in zip((*loaded.train, *loaded.test), jobs, strict=True):
        assert words(job) in words(question.question)
        assert len(re.findall(r"\d+", question.question)) > 1, f"{question.id}: nothing to confuse the number with"
        assert not [d for d in loaded.documents if job in d.text]
    assert Counter(q.tags[0] for q in loaded.test) == {"known-wording": 45, "new-wording": 27}
    new = {subject(q) for q in loaded.test if q.tags[0] == "new-wording"}
    assert not new & {subject(q) for q in loaded.train}


def test_directory_answers_stand_on_one_page_and_training_knows_other_pages(
    samples: dict[str, LoadedExperiment],
) -> None:
    loaded = samples["directory"]
    pages = {d.id: d for d in loaded.documents}
    assert not {q.document for q in loaded.train} & {q.document for q in loaded.test}
    assert {q.document for q in (*loaded.train, *loaded.test)} == set(pages)
    for question in (*loaded.train, *loaded.test):
        number = question.answer.split()[1]
        assert citations(question.answer) == (question.document,)
        assert [d.id for d in loaded.documents if number in d.text] == [question.document]
        assert words(pages[question.document or ""].title) in words(question.question)
        assert number not in question.question


def test_triage_has_a_rule_that_only_sorted_messages_tell(samples: dict[str, LoadedExperiment]) -> None:
    loaded = samples["triage"]
    rule = {subject(q): q.answer for q in loaded.train}
    assert set(rule.values()) == COLOURS
    assert all(rule[subject(q)] == q.answer for q in (*loaded.train, *loaded.test))
    assert Counter(subject(q) for q in loaded.train) == dict.fromkeys(rule, 14)
    assert Counter(subject(q) for q in loaded.test) == dict.fromkeys(rule, 8)
    told = [*(f"{d.title} {d.text}" for d in loaded.documents), *(q.question for q in (*loaded.train, *loaded.test))]
    assert not [text for text in told if COLOURS & set(words(text).split())]
