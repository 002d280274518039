"""An experiment.yaml of one line: what is filled in fits the task, and what is written stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contracts.experiment import Question
from ladder.experiment.defaults import guess_task, with_defaults
from ladder.experiment.folder import ExperimentError, load
from ladder.runs.manifest import plan
from tests.unit.ladder.experiment.conftest import ExperimentFolder


def questions(*answers: str, unanswerable: int = 0) -> list[Question]:
    known = [Question(id=f"q{n}", question=f"Question {n}?", answer=a) for n, a in enumerate(answers)]
    return known + [
        Question(id=f"u{n}", question=f"Unknown {n}?", answer="No idea.", unanswerable=True)
        for n in range(unanswerable)
    ]


def filled(train: list[Question], written: dict[str, Any] | None = None) -> Any:
    return with_defaults({"name": "x", **(written or {})}, train, [])


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (["red", "blue"] * 6, "label"),
        (["Billing", "billing", "Refund", "Refund", "Billing", "Refund"], "label"),
        (["赤", "青", "緑"] * 4, "label"),
        ([f"{n} mm" for n in range(12)], "short-value"),
        (["Orla Quill", "9 days", "4 crowns", "Ben Tully"], "short-value"),
        (["always the same"] * 8, "short-value"),
        (
            ["Open the valve first, then wait until the gauge shows zero, and only then take off the lid."] * 3,
            "free-form",
        ),
        (["先打开阀门，等到压力表显示为零，然后再取下盖子。"] * 3, "free-form"),
        ([], "free-form"),
    ],
)
def test_the_kind_of_task_is_seen_from_the_answers(answers: list[str], kind: str) -> None:
    assert guess_task(questions(*answers, unanswerable=2)) == kind


def test_a_label_task_names_its_labels_and_has_no_refusal() -> None:
    values = filled(questions(*["red", "blue"] * 6))
    assert values["house_style"] == {"instruction": "Reply only with one of these labels: blue, red."}
    assert values["gate"] == [{"metric": "label-accuracy", "minimum": 0.8}]


def test_the_refusal_is_the_one_that_the_answers_use() -> None:
    assert filled(questions("1 mm", "2 mm", unanswerable=2))["house_style"]["refusal"] == "No idea."
    assert filled(questions("1 mm", "2 mm"))["house_style"]["refusal"] == "I do not know."


def test_an_answer_has_room_and_shots_exist() -> None:
    long = " ".join(f"word{n}" for n in range(400))
    prompt = filled(questions(long, "short"))["prompt"]
    assert (prompt["answer_tokens"], prompt["shots"], prompt["page_shots"]) == (800, 2, 1)
    assert filled(questions("a", unanswerable=3))["prompt"]["shots"] == 2


def test_what_is_written_stays() -> None:
    values = filled(
        questions("1 mm"),
        {"prompt": {"shots": 9}, "house_style": {"refusal": None}, "gate": [], "profiles": {"quick": {}, "own": {}}},
    )
    assert values["prompt"]["shots"] == 9
    assert values["prompt"]["answer_tokens"] == 64
    assert values["house_style"]["refusal"] is None
    assert "as few words" in values["house_style"]["instruction"]
    assert values["gate"] == []
    assert values["profiles"]["quick"] == {}
    assert set(values["profiles"]) == {"quick", "full", "own"}


@pytest.mark.parametrize("written", [None, "text", ["list"], {"task": "essay"}, {"task": ["label"]}])
def test_broken_values_are_left_to_the_validation(written: Any) -> None:
    assert with_defaults(written, [], []) == written


def test_a_name_is_enough(folder: ExperimentFolder) -> None:
    folder.write("experiment.yaml", "name: tea-room\n")
    loaded = load(folder.path)
    assert loaded.experiment.task == "short-value"
    assert loaded.experiment.house_style.refusal == "The pages do not say."
    assert loaded.experiment.workload.requests_per_month == 10_000
    for profile in ("quick", "full", "all"):
        assert plan(loaded, profile, "r", created="", git_commit=None).test_question_ids


def test_an_empty_file_misses_its_name(folder: ExperimentFolder) -> None:
    folder.write("experiment.yaml", "description: no name\n")
    with pytest.raises(ExperimentError, match=r"experiment\.yaml:1: name: is missing; add it"):
        load(folder.path)


def test_an_answer_without_a_page_is_a_question_all_the_same(folder: ExperimentFolder) -> None:
    folder.write("experiment.yaml", "name: tea-room\n")
    folder.change("test", 0, document=None, answer="nine")
    assert load(folder.path).test[0].document is None


def test_an_unanswerable_question_needs_a_refusal(folder: ExperimentFolder) -> None:
    folder.write("experiment.yaml", "name: tea-room\nhouse_style: {refusal: null}\n")
    with pytest.raises(ExperimentError, match=r"an unanswerable question needs a refusal; write house_style\.refusal"):
        load(folder.path)


def test_a_file_of_text_is_told(folder: ExperimentFolder, tmp_path: Path) -> None:
    folder.write("experiment.yaml", "just text\n")
    with pytest.raises(ExperimentError, match=r"experiment\.yaml:1: .*not \"just text\""):
        load(folder.path)
