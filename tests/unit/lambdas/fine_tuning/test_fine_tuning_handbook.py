"""The experiment that ships with the project gives training data that leaks nothing of its test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from contracts.experiment import Document
from ladder.experiment.folder import load
from lambdas.common import prompts
from lambdas.fine_tuning import dataset
from lambdas.rag.shots import shots_with_pages

HANDBOOK = Path(__file__).parents[4] / "experiments" / "handbook"


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def test_all_training_questions_give_examples_without_a_leak() -> None:
    loaded = load(HANDBOOK)
    known = [(document, words(f"{document.title} {document.text}")) for document in loaded.documents]
    documents = {document.id: document for document in loaded.documents}

    def overlap(question: str, count: int) -> Sequence[Document]:
        asked = words(question)
        return [d for d, _ in sorted(known, key=lambda pair: (-len(asked & pair[1]), pair[0].id))[:count]]

    style = loaded.experiment.house_style
    reserved = dataset.reserved_pages(loaded.test)
    with_pages = dataset.with_pages(
        loaded.train,
        documents,
        loaded.experiment,
        overlap,
        reserved=reserved,
        seed=loaded.experiment.seed,
        workers=1,
    )
    closed_book = dataset.closed_book(loaded.train, loaded.experiment, loaded.experiment.seed)
    assert reserved
    for examples in (closed_book, with_pages):
        assert len(examples) == len(loaded.train)
        dataset.check_leaks("x.jsonl", examples, loaded.test, documents)
        refusals = [e for e in examples if e.kind == "refusal"]
        assert 0.1 < len(refusals) / len(examples) < 0.2
        assert {e.messages[-1].content for e in refusals} == {style.refusal}


def test_shots_never_show_a_reserved_page() -> None:
    loaded = load(HANDBOOK)
    reserved = dataset.reserved_pages(loaded.test)
    documents = {document.id: document for document in loaded.documents}
    for seed in range(20):
        shots = [
            *prompts.choose_shots(loaded.train, seed, 4),
            *shots_with_pages(loaded.train, documents, seed, loaded.experiment),
        ]
        assert not any(reserved & set(prompts.citations(shot.answer)) for shot in shots)
