"""BERTScore: the matching against bert-score's own, the model's files, and what the score cannot see."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest

from lambdas.evaluation import logic, model_files
from lambdas.evaluation.bertscore import BertScore, greedy_match

CASES = Path(__file__).parents[3] / "golden" / "bertscore" / "cases.tsv"
#: Largest difference of int8 and fp32 weights over the golden pairs, measured .0062.
INT8_TOLERANCE = 0.01


@pytest.fixture(scope="module")
def model() -> BertScore:
    return logic.scorers()[1]


def golden() -> list[tuple[str, str, list[float]]]:
    lines = [line.split("\t") for line in CASES.read_text(encoding="utf-8").splitlines()[1:]]
    return [(line[0], line[1], [float(x) for x in line[2:]]) for line in lines]


def test_equal_to_bert_score_and_close_to_the_full_size_model(model: BertScore) -> None:
    cases = golden()
    assert len(cases) >= 20
    found = model.score([(text, reference) for text, reference, _ in cases])
    for (text, reference, numbers), match in zip(cases, found, strict=True):
        assert list(match) == pytest.approx(numbers[:3], abs=1e-5), (text, reference)
        assert list(match) == pytest.approx(numbers[3:], abs=INT8_TOLERANCE), (text, reference)


def test_wrong_facts_in_the_right_form_score_high(model: BertScore) -> None:
    (match,) = model.score([("33 months [PRD-02]", "30 months [PRD-01]")])
    assert match.f1 == pytest.approx(0.915, abs=5e-4)


def test_a_score_does_not_depend_on_its_neighbours(model: BertScore) -> None:
    pair = ("9 months [PRD-01]", "39 months [PRD-01]")
    others = [("a much longer answer that needs padding " * 4, "short"), ("x", "y"), pair]
    assert model.score([pair])[0] == pytest.approx(model.score(others)[2], abs=1e-6)


@pytest.mark.parametrize(
    ("text", "measures"), [("30 months [PRD-01]", True), ("срок", True), ("Türkçe", True), ("ሰላም", False)]
)
def test_a_script_that_the_model_does_not_know_cannot_be_measured(model: BertScore, text: str, measures: bool) -> None:
    assert model.measures(text) is measures


def test_swapping_the_sides_swaps_precision_and_recall(model: BertScore) -> None:
    there, back = model.score([("30 months", "It lasts for 30 months"), ("It lasts for 30 months", "30 months")])
    assert (there.precision, there.recall, there.f1) == pytest.approx((back.recall, back.precision, back.f1), abs=1e-6)


def test_matching_by_the_definition() -> None:
    """Loops over tokens, as the paper writes it: also where all cosines are negative."""
    rng = random.Random(7)
    for rows, columns in ((3, 3), (4, 9), (8, 3)):
        sides = []
        for count in (rows, columns):
            side = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(count)]
            sides.append([[x / math.hypot(*vector) for x in vector] for vector in side])
        candidate, reference = sides

        def best(vector: list[float], others: list[list[float]]) -> float:
            return max(sum(x * y for x, y in zip(vector, other, strict=True)) for other in others)

        precision = sum(best(v, reference) for v in candidate[1:-1]) / (rows - 2)
        recall = sum(best(v, candidate) for v in reference[1:-1]) / (columns - 2)
        found = greedy_match(np.array(candidate, dtype=np.float32), np.array(reference, dtype=np.float32))
        f1 = 2 * precision * recall / (precision + recall)
        assert list(found) == pytest.approx([precision, recall, f1], abs=1e-5)


def test_a_text_without_tokens_scores_zero() -> None:
    special_only = np.eye(2, 4, dtype=np.float32)
    assert greedy_match(special_only, np.eye(3, 4, dtype=np.float32)) == (0.0, 0.0, 0.0)


def test_files_of_the_layer_come_first_and_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "minilm_files"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"not the model")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(model_files.ModelFilesError, match=r"model\.onnx has SHA-256 .* expected 8199be6f"):
        model_files.find()


def test_missing_files_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "MODEL_PACKAGE", ("no_such_package", "model.onnx"))
    with pytest.raises(model_files.ModelFilesError, match=r"model\.onnx.*'no-such-package' is on the path"):
        model_files.find()
