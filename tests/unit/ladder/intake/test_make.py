"""`ladder init` from files to a folder that loads, and every guess said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ladder.experiment.folder import load
from ladder.intake.make import Wanted, make, parse_column
from ladder.intake.text_files import IntakeError
from tests.unit.ladder.intake.team_files import ROWS, documents, jsonl, squad, table


def wanted(tmp_path: Path, content: str, **changes: Any) -> Wanted:
    questions = tmp_path / "team questions.csv"
    questions.write_text(content, encoding="utf-8")
    if not (tmp_path / "docs").exists():
        documents(tmp_path / "docs")
    given = {
        "folder": tmp_path / "Pump manuals 2026",
        "questions": questions,
        "documents": tmp_path / "docs",
        "seed": 7,
        "test_share": 0.5,
        **changes,
    }
    return Wanted(**given)


def test_a_table_and_a_folder_become_an_experiment(tmp_path: Path) -> None:
    asked = wanted(tmp_path, table(";", ("Frage", "Antwort", "Quelle")))
    lines = make(asked)
    assert lines == (
        f"{asked.questions}: CSV (;), 12 questions",
        "  question: column 'Frage'",
        "  answer: column 'Antwort'",
        "  page: column 'Quelle'",
        f"{asked.documents}: 12 pages (Markdown 12)",
        "task: short-value (answers of 2 words); change it in experiment.yaml",
        "split: 6 examples on 6 pages, 6 test questions on 6 pages; no page is in both; seed 7",
        f"{asked.folder}: experiment 'pump-manuals-2026' with 12 pages is written",
        f"next: ladder check '{asked.folder}'",
    )
    loaded = load(asked.folder)
    assert loaded.experiment.name == "pump-manuals-2026"
    assert (loaded.experiment.task, loaded.experiment.seed) == ("short-value", 7)
    assert {q.question for q in (*loaded.train, *loaded.test)} == {row[0] for row in ROWS}
    page = next(page for page in loaded.documents if page.id == "part-3")
    assert (page.title, page.text) == ("Part 3", "# Part 3\n\nIt is 3 mm wide.")
    written = (asked.folder / "experiment.yaml").read_text(encoding="utf-8")
    assert written.count("\n") <= 12
    assert written.count("#") == 5


def test_a_file_that_brings_its_pages_needs_no_documents(tmp_path: Path) -> None:
    asked = wanted(tmp_path, json.dumps(squad()), documents=None)
    lines = make(asked)
    assert "  12 of them unanswerable: their answer is the refusal" in lines
    assert f"{asked.questions}: 12 pages of its own" in lines
    loaded = load(asked.folder)
    assert len(loaded.documents) == 12
    assert {q.answer for q in loaded.test if q.unanswerable} == {"I do not know."}
    assert loaded.experiment.house_style.refusal == "I do not know."


def test_pages_of_both_are_kept_apart(tmp_path: Path) -> None:
    documents(tmp_path / "docs")
    (tmp_path / "docs" / "TEA-0-1.md").write_text("another tea", encoding="utf-8")
    asked = wanted(tmp_path, json.dumps(squad()))
    make(asked)
    loaded = load(asked.folder)
    assert len(loaded.documents) == 25
    own = {page.id: page.text for page in loaded.documents}
    assert (own["TEA-0-1"], own["Tea-0-1-2"]) == ("another tea", "Tea 0x is hot.")
    assert "Tea-0-1-2" in {q.document for q in (*loaded.train, *loaded.test)}


def test_the_system_prompt_becomes_the_instruction(tmp_path: Path) -> None:
    chats = [
        {
            "messages": [
                {"role": "system", "content": 'Reply in mm: "5 mm".\nBe short.'},
                {"role": "user", "content": q},
                {"role": "assistant", "content": a},
            ]
        }
        for q, a, _ in ROWS
    ]
    asked = wanted(tmp_path, jsonl(chats))
    lines = make(asked)
    assert "  instruction: the system prompt of the file" in lines
    assert "  12 questions without a page: whether search finds it is not measured for them" in lines
    assert load(asked.folder).experiment.house_style.instruction == 'Reply in mm: "5 mm".\nBe short.'


def test_the_system_prompt_that_most_have_counts(tmp_path: Path) -> None:
    chats = [
        {
            "system": "A" if n < 7 else "B",
            "messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}],
        }
        for n, (q, a, _) in enumerate(ROWS)
    ]
    lines = make(wanted(tmp_path, jsonl(chats)))
    assert "  instruction: the system prompt of the file, which 7 of the questions have" in lines


def test_labels_are_recognised_and_all_trained(tmp_path: Path) -> None:
    rows = "\n".join(f"message number {n},{('red', 'blue', 'green')[n % 3]}" for n in range(60))
    lines = make(wanted(tmp_path, f"text,label\n{rows}", folder=tmp_path / "sort"))
    assert "task: label (3 different answers); change it in experiment.yaml" in lines
    loaded = load(tmp_path / "sort")
    assert loaded.experiment.house_style.instruction == "Reply only with one of these labels: blue, green, red."


def test_what_no_file_can_hold_is_dropped(tmp_path: Path) -> None:
    documents(tmp_path / "docs")
    (tmp_path / "docs" / "odd.md").write_text("# A: 'b'\u2028\"c\"\x07\n\n---\ntext \x1b[0m\n", encoding="utf-8")
    rows = jsonl({"question": f"{q} \ud800", "answer": a} for q, a, _ in ROWS).replace("\ud800", "\\ud800\\u0000")
    asked = wanted(tmp_path, rows)
    make(asked)
    loaded = load(asked.folder)
    odd = next(page for page in loaded.documents if page.id == "odd")
    assert (odd.title, odd.text) == ("A: 'b' \"c\"", "# A: 'b'\u2028\"c\"\n\n---\ntext [0m")
    assert {q.question for q in (*loaded.train, *loaded.test)} == {row[0] for row in ROWS}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    asked = wanted(tmp_path, table())
    asked.folder.mkdir()
    make(asked)
    with pytest.raises(IntakeError, match="is not empty, and nothing is overwritten; name a new folder"):
        make(asked)
    with pytest.raises(IntakeError, match="is a file; name a new folder"):
        make(wanted(tmp_path, table(), folder=asked.questions))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"documents": None}, "brings no pages; name the folder of your documents with --documents"),
        ({"test_share": 1.0}, "--test-share must be between 0 and 1, for example 0.5, not 1"),
        ({"name": "No Name"}, "--name No Name: use 2 to 18 of a-z, 0-9 and single -, a letter first"),
        ({"folder": Path("/tmp/問題")}, "no experiment can be called so; give it a --name"),
    ],
)
def test_what_is_asked_wrongly_is_one_line_and_nothing_is_written(
    tmp_path: Path, changes: dict[str, Any], line: str
) -> None:
    asked = wanted(tmp_path, table(), **changes)
    with pytest.raises(IntakeError) as caught:
        make(asked)
    assert line in str(caught.value)
    assert not asked.folder.exists()


def test_a_column_is_written_with_an_equals_sign() -> None:
    assert parse_column(" question = Frage=1 ") == ("question", "Frage=1")
    with pytest.raises(IntakeError, match="--column Frage: write field=column"):
        parse_column("Frage")
