"""The experiment that ships with the project keeps its promises: sizes, splits, and no leak into training."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from contracts.experiment import Question
from experiments.generate_handbook import files
from experiments.handbook_pages import Entity, build
from ladder.experiment.folder import LoadedExperiment
from lambdas.common.prompts import citations
from lambdas.evaluation.gate import check
from tests.unit.ladder.conftest import HANDBOOK

ROOT = HANDBOOK.parents[1]
SOURCE = tomllib.loads((ROOT / "experiments" / "handbook.source.toml").read_text(encoding="utf-8"))
GENERATED = ("documents", "questions.train.jsonl", "questions.test.jsonl")


@pytest.fixture(scope="module")
def entities() -> dict[str, Entity]:
    return {entity.id: entity for entity in build(SOURCE).entities}


@pytest.fixture(scope="module")
def reserved(entities: dict[str, Entity]) -> dict[str, Entity]:
    return {name: entity for name, entity in entities.items() if entity.reserved}


@pytest.fixture(scope="module")
def training_lines() -> list[str]:
    text = (HANDBOOK / "questions.train.jsonl").read_text(encoding="utf-8")
    return [words(line) for line in text.splitlines()]


def words(text: str) -> str:
    """Lower-case words between blanks, so that a run of whole words can be searched for as a substring."""
    return " " + " ".join(re.findall(r"[a-z0-9:]+", text.lower())) + " "


def split(questions: tuple[Question, ...], name: str) -> list[Question]:
    return [q for q in questions if q.tags[0] == name]


def value(question: Question) -> str:
    return question.answer.rpartition(" [")[0]


def committed() -> dict[str, str]:
    paths = [p for name in GENERATED for p in sorted((HANDBOOK / name).glob("*")) or [HANDBOOK / name]]
    return {p.relative_to(HANDBOOK).as_posix(): p.read_bytes().decode("utf-8") for p in paths}


def test_the_files_are_what_the_generator_writes() -> None:
    written, there = files(), committed()
    assert written.keys() == there.keys()
    changed = [path for path in written if written[path] != there[path]]
    assert not changed, f"run `python -m experiments.generate_handbook`: {', '.join(changed)} differ"


def test_another_process_with_another_hash_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-m", "experiments.generate_handbook", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    found = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert found == {path: text.encode("utf-8") for path, text in committed().items()}


def test_size_of_the_handbook(handbook: LoadedExperiment, entities: dict[str, Entity]) -> None:
    assert len(handbook.documents) == len(entities) >= 60
    assert sum(len(entity.facts) for entity in entities.values()) >= 250
    assert {entity.kind for entity in entities.values()} == {"PRD", "SIT", "POL", "SVC", "TEM", "CRS"}


def test_a_page_fits_a_small_prompt(handbook: LoadedExperiment) -> None:
    for document in handbook.documents:
        assert 50 <= len(document.text.split()) <= 110, document.id
        assert len(document.text) < handbook.experiment.retrieval.chunk_characters, document.id


def test_splits_of_the_test(handbook: LoadedExperiment) -> None:
    sizes = Counter(q.tags[0] for q in handbook.test)
    assert sizes == {"seen-fact": 50, "new-fact": 50, "reserved-page": 42, "two-page": 22, "unanswerable": 43}
    assert {q.tags[0] for q in handbook.train} == {"train"}
    assert all(len(q.tags) >= 4 for q in (*handbook.train, *handbook.test))
    reasons = Counter(q.tags[3] for q in split(handbook.test, "unanswerable"))
    assert set(reasons) == {"missing-attribute", "unknown-entity", "removed-page"}
    assert min(reasons.values()) >= 8
    assert sum(q.unanswerable for q in handbook.train) >= 50


def test_the_gate_decides_by_right_answers(handbook: LoadedExperiment) -> None:
    check(handbook.experiment.gate, handbook.experiment.task)
    assert not {rule.metric for rule in handbook.experiment.gate} & {"bleu", "rouge-l", "bertscore-f1"}


def test_answers_stand_on_their_page_in_house_style(handbook: LoadedExperiment) -> None:
    style = handbook.experiment.house_style
    pages = {d.id: d for d in handbook.documents}
    for question in (*handbook.train, *handbook.test):
        if question.unanswerable:
            assert question.answer == style.refusal
            assert question.document is None
            continue
        assert re.fullmatch(style.pattern, question.answer), question.id
        assert citations(question.answer) == (question.document,)
        assert words(value(question)) in words(pages[question.document or ""].text), question.id


def test_a_value_stands_on_one_page_of_its_kind_only(handbook: LoadedExperiment, entities: dict[str, Entity]) -> None:
    seen = Counter((e.kind, name, v) for e in entities.values() for name, v in e.facts.items())
    assert max(seen.values()) == 1
    assert len({d.text for d in handbook.documents}) == len(handbook.documents)


def test_guessing_does_not_pay(entities: dict[str, Entity]) -> None:
    """Every attribute has so many possible values that a guess is right in at most one of fifty cases."""
    for kind, about in SOURCE["kinds"].items():
        for name, attribute in about["attributes"].items():
            if "low" in attribute:
                assert attribute["high"] - attribute["low"] + 1 >= 50, (kind, name)


def test_two_page_questions_name_the_other_page(handbook: LoadedExperiment) -> None:
    pages = {d.id: d for d in handbook.documents}
    for question in split(handbook.test, "two-page"):
        (other,) = [tag.removeprefix("with:") for tag in question.tags if tag.startswith("with:")]
        assert other in pages
        assert other != question.document
        assert words(value(question)) not in words(pages[other].text), question.id


def test_unanswerable_names_have_no_page(handbook: LoadedExperiment, entities: dict[str, Entity]) -> None:
    called = {words(str(e.source[m])) for e in entities.values() for m in ("name", "alias", "role")}
    texts = words(" ".join(f"{d.title}. {d.text}" for d in handbook.documents))
    for about in SOURCE["kinds"].values():
        for name in about["unknown"]["train"] + about["unknown"]["test"]:
            assert words(name) not in called
            assert words(name) not in texts
    for gone in SOURCE["removed"]:
        assert words(gone["name"]) not in called
        assert words(gone["name"]).removeprefix(" the") in texts, f"{gone['name']} should still be mentioned"
    for entity in entities.values():
        for name in entity.source.get("lacks", ()):
            assert name not in entity.facts


def test_reserved_pages_are_in_no_training_line(
    handbook: LoadedExperiment, reserved: dict[str, Entity], training_lines: list[str]
) -> None:
    pages = {d.id: d for d in handbook.documents}
    assert len(reserved) >= 12
    for name, entity in reserved.items():
        for forbidden in (name, *(str(entity.source[m]) for m in ("name", "alias", "role"))):
            assert not [line for line in training_lines if words(forbidden) in line], (name, forbidden)
        for sentence in re.split(r"(?<=[.!?])\s+", pages[name].text):
            assert not [line for line in training_lines if words(sentence) in line], (name, sentence)
        title = words(str(entity.source["name"])).removeprefix(" the")
        for attribute, v in entity.facts.items():
            assert not [line for line in training_lines if title in line and words(v) in line], (name, attribute)
    assert not {q.document for q in handbook.train} & set(reserved)


def test_pages_that_training_may_show_do_not_speak_of_reserved_ones(
    handbook: LoadedExperiment, reserved: dict[str, Entity]
) -> None:
    for document in handbook.documents:
        if document.id in reserved:
            continue
        text = words(f"{document.title}. {document.text}")
        for name, entity in reserved.items():
            for forbidden in (name, str(entity.source["name"]), str(entity.source["alias"])):
                assert words(forbidden) not in text, f"{document.id} names {forbidden}"


def test_every_other_page_is_trained_and_every_reserved_one_is_tested(
    handbook: LoadedExperiment, entities: dict[str, Entity], reserved: dict[str, Entity]
) -> None:
    assert {q.document for q in handbook.train if q.document} == set(entities) - set(reserved)
    assert {q.document for q in split(handbook.test, "reserved-page")} == set(reserved)
    for name in ("seen-fact", "new-fact", "two-page"):
        assert not {q.document for q in split(handbook.test, name)} & set(reserved)


def test_splits_are_what_they_are_called(handbook: LoadedExperiment) -> None:
    trained = {(q.document, q.answer) for q in handbook.train}
    assert all((q.document, q.answer) in trained for q in split(handbook.test, "seen-fact"))
    for name in ("new-fact", "reserved-page"):
        assert not [q for q in split(handbook.test, name) if (q.document, q.answer) in trained]


def test_reserved_templates_and_test_wordings_are_never_trained(handbook: LoadedExperiment) -> None:
    lines = [q.question for q in handbook.train]

    def used(wording: str) -> bool:
        pattern = re.compile(re.escape(wording).replace(re.escape("{e}"), ".+"))
        return any(pattern.fullmatch(line) for line in lines)

    for kind, about in SOURCE["kinds"].items():
        held_out = [name for name, attribute in about["attributes"].items() if attribute.get("reserved")]
        assert held_out, f"{kind} has no reserved question template"
        for name, attribute in about["attributes"].items():
            assert len(attribute["wordings"]) == 5
            for number, wording in enumerate(attribute["wordings"], start=1):
                may_train = number <= 3 and name not in held_out
                assert used(wording) == may_train, (kind, name, number)
        assert not {q.tags[2] for q in handbook.train if q.tags[1] == about["tag"]} & set(held_out)
    tagged: list[dict[str, Any]] = [json.loads(line) for line in committed()["questions.test.jsonl"].splitlines()]
    assert sum("reserved-template" in q["tags"] for q in tagged) >= 24


def test_no_test_question_stands_inside_a_training_question(handbook: LoadedExperiment) -> None:
    trained = " | ".join(words(q.question) for q in handbook.train)
    for question in handbook.test:
        assert words(question.question) not in trained, question.id
