"""Questions in the formats that teams have: what is read, what is guessed, and one line for what cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ladder.intake.questions import Intake, read_questions
from ladder.intake.text_files import IntakeError
from tests.unit.ladder.intake.team_files import ROWS, jsonl, squad, table


def read(tmp_path: Path, content: str | bytes, name: str = "q", **options: Any) -> Intake:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_questions(path, **options)


def refused(tmp_path: Path, content: str | bytes, name: str = "q", **options: Any) -> str:
    with pytest.raises(IntakeError) as caught:
        read(tmp_path, content, name, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(str(tmp_path / name))


def pairs(found: Intake) -> list[tuple[str, str]]:
    return [(question.question, question.answer) for question in found.questions]


EXPECTED = [row[:2] for row in ROWS]
MESSAGES = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in EXPECTED]
SYSTEM = {"role": "system", "content": "Be short."}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (table(), "CSV"),
        (table(";", ("Frage", "Antwort", "Quelle")), "CSV (;)"),
        (table("\t", ("Query", "Ground Truth", "Source File")), "CSV (tabs)"),
        ("sep=|\n" + table("|"), "CSV (|)"),
        ("\ufeff" + table(), "CSV"),
        (table("\t").encode("utf-16"), "CSV (tabs)"),
        (table().replace("\n", "\r\n"), "CSV"),
        (jsonl({"question": q, "answer": a} for q, a in EXPECTED), "JSON Lines"),
        (json.dumps([{"user_input": q, "reference": a} for q, a in EXPECTED], indent=1), "JSON array"),
        (json.dumps({"questions": [{"q": q, "a": a} for q, a in EXPECTED]}, indent=1), "JSON"),
        (jsonl({"prompt": q, "completion": a} for q, a in EXPECTED), "Bedrock fine-tuning (prompt, completion)"),
        (
            jsonl({"prompt": q, "referenceResponse": a, "category": "c"} for q, a in EXPECTED),
            "Bedrock evaluation (prompt, referenceResponse)",
        ),
        (
            jsonl(
                {
                    "schemaVersion": "bedrock-conversation-2024",
                    "system": [{"text": "Be short."}],
                    "messages": [
                        {"role": "user", "content": [{"text": q}]},
                        {"role": "assistant", "content": [{"text": a}]},
                    ],
                }
                for q, a in EXPECTED
            ),
            "Bedrock fine-tuning (bedrock-conversation-2024)",
        ),
        (
            jsonl(
                {
                    "conversationTurns": [
                        {
                            "prompt": {"content": [{"text": q}]},
                            "referenceResponses": [{"content": [{"text": a}]}],
                        }
                    ]
                }
                for q, a in EXPECTED
            ),
            "Bedrock evaluation of RAG (conversationTurns)",
        ),
        (jsonl({"messages": [SYSTEM, *m]} for m in MESSAGES), "OpenAI fine-tuning (messages)"),
        (
            jsonl({"messages": [SYSTEM, m[0]], "reference_answer": m[1]["content"]} for m in MESSAGES),
            "OpenAI fine-tuning (messages)",
        ),
        (
            jsonl({"input": [SYSTEM, m[0]], "ideal": [m[1]["content"], "?"]} for m in MESSAGES),
            "OpenAI evals (input, ideal)",
        ),
        (jsonl({"item": {"question": q, "ground_truth": a}} for q, a in EXPECTED), "JSON Lines"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "",
)
def test_a_format_is_recognised_and_read(tmp_path: Path, content: str | bytes, kind: str) -> None:
    found = read(tmp_path, content)
    assert (found.format, pairs(found), found.left_out) == (kind, EXPECTED, ())


def test_squad_brings_pages_and_unanswerable_questions(tmp_path: Path) -> None:
    for text in (json.dumps(squad()), json.dumps(squad(), indent=1)):
        found = read(tmp_path, text)
        assert found.format == "SQuAD JSON"
        assert found.pages["Tea 0 1"] == "Tea 0x is hot."
        assert len(found.pages) == 12
        asked, other = found.questions[:2]
        assert (asked.answer, asked.document, asked.unanswerable, asked.id) == ("0x", "Tea 0 1", False, "0x-a")
        assert (other.answer, other.document, other.unanswerable) == ("", None, True)


def test_rows_of_squad_bring_each_page_once(tmp_path: Path) -> None:
    rows = [
        {"title": "Tea", "context": f"Tea {n // 2}.", "question": f"Is {n} hot?", "answers": {"text": ["hot"][: n % 3]}}
        for n in range(12)
    ]
    found = read(tmp_path, jsonl(rows))
    assert list(found.pages.values()) == [f"Tea {n}." for n in range(6)]
    assert [question.unanswerable for question in found.questions[:4]] == [True, False, False, True]
    assert found.pages[found.questions[3].document or ""] == "Tea 1."
    known = read(tmp_path, jsonl(rows), is_page="Tea".__eq__)
    assert (known.pages, known.questions[0].document) == ({}, "Tea")


def test_the_system_prompt_and_the_last_of_several_turns_are_kept(tmp_path: Path) -> None:
    chat = [SYSTEM, *MESSAGES[0], *MESSAGES[1]]
    found = read(tmp_path, jsonl([{"messages": chat}, *({"messages": [SYSTEM, *m]} for m in MESSAGES[2:])]))
    assert pairs(found)[0] == EXPECTED[1]
    assert found.questions[0].system == "Be short."
    assert found.guesses == ("question: the last turn of 1 chat with several turns",)


def test_the_column_of_pages_is_the_one_that_names_pages(tmp_path: Path) -> None:
    content = "question,answer,source,where\n" + "\n".join(f"{q},{a},wiki,{d}" for q, a, d in ROWS)
    names = {row[2] for row in ROWS}
    assert "page: column 'where'" in read(tmp_path, content, is_page=names.__contains__).guesses
    assert "page: column 'source'" in read(tmp_path, content).guesses
    given = read(tmp_path, content, is_page=names.__contains__, columns={"document": ""})
    assert not any(guess.startswith("page") for guess in given.guesses)


def test_columns_that_are_named_by_no_known_word_can_be_given(tmp_path: Path) -> None:
    content = table(header=("A1", "B1", "C1"))
    assert refused(tmp_path, content) == (
        ": which column holds the question and the answer? It has 'A1', 'B1', 'C1';"
        " --column question=NAME --column answer=NAME"
    )
    assert pairs(read(tmp_path, content, columns={"question": "A1", "answer": "B1"})) == EXPECTED
    assert "has no such column; it has 'A1', 'B1', 'C1'" in refused(tmp_path, content, columns={"question": "A"})
    assert "'page' is unknown; use one of question, answer" in refused(tmp_path, content, columns={"page": "A1"})


def test_what_lacks_a_part_is_counted_and_left_out(tmp_path: Path) -> None:
    rows: list[Any] = [{"question": q, "answer": a} for q, a in EXPECTED]
    rows += [{"question": " ", "answer": "x"}, {"question": "Why?", "answer": ""}, {"question": "How?"}]
    rows += [{"messages": MESSAGES[0]}]
    found = read(tmp_path, jsonl(rows))
    assert len(found.questions) == len(EXPECTED)
    assert found.left_out == (
        "1 record of another shape",
        "1 record without a question",
        "2 records without an answer",
    )


def test_cells_are_read_whole(tmp_path: Path) -> None:
    content = 'question,answer,tags,unanswerable\n"a ""b"", c\nd",\u2028x\u2028,"t1; t2",no\nq,7,,yes\n' + "r,,,TRUE\n"
    found = read(tmp_path, content)
    assert [(q.question, q.answer, q.tags, q.unanswerable) for q in found.questions] == [
        ('a "b", c\nd', "x", ("t1", "t2"), False),
        ("q", "7", (), True),
        ("r", "", (), True),
    ]
    labels = read(tmp_path, jsonl([{"text": "a", "label": True}, {"text": "b", "label": 0}]))
    assert [question.answer for question in labels.questions] == ["true", "0"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", ": is empty; give a file of questions (CSV, "),
        (" \n", ": is empty; "),
        ("question\na\nb\n", ": one column is not enough for questions and answers; give CSV, "),
        ("question,answer\n", ": has a header and no row; "),
        ("question,answer,answer\na,b,c\n", ": two columns are called 'answer'; "),
        ("question,answer\na,b,c\nd,e\n", ": 1 row of 2 with more cells than the header (the first is row 1); "),
        ("question,answer\na,\nb,\n", ": CSV without a question that has an answer (2 records without an answer); "),
        ('{"question": "a"\n{"b\n', ":1: 2 of 2 lines are not JSON ("),
        ("[]", ": holds no record; give "),
        ("[1, 2]", ": holds 2 entries of 2 that are no objects; give "),
        ('{"data": [{"paragraphs": [{"qas": []}]}]}', ": looks like SQuAD, but a field is missing or wrong"),
        (b"PK\x03\x04rest", ": is a zip archive or an Office file; save it as text (from Excel: CSV UTF-8)"),
        (b"PAR1rest", ": is a Parquet file; write it as CSV or JSON Lines"),
        (b"question\x00,answer", ": is not text; "),
        ("Größe;a\n".encode("cp1252"), ": is not UTF-8 text; save it as UTF-8, or name its encoding ("),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, content: str | bytes, line: str) -> None:
    assert refused(tmp_path, content).startswith(line)


def test_a_file_of_json_is_never_taken_for_a_table(tmp_path: Path) -> None:
    assert ": 1 of 2" not in refused(tmp_path, "question,answer\na,b\n", "q.jsonl")
    assert ":1: 2 of 2 lines are not JSON" in refused(tmp_path, "question,answer\na,b\n", "q.jsonl")


def test_another_encoding_can_be_named(tmp_path: Path) -> None:
    content = "Frage;Antwort\nGröße?;ß\n".encode("cp1252")
    assert pairs(read(tmp_path, content, encoding="cp1252")) == [("Größe?", "ß")]
    assert "'x1' is not an encoding" in refused(tmp_path, content, encoding="x1")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match=r"nothing: cannot be read \(No such file or directory\); name another file"):
        read_questions(tmp_path / "nothing")
    with pytest.raises(IntakeError, match="is not a regular file; name a file"):
        read_questions(tmp_path)
