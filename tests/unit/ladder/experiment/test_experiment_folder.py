"""Loading an experiment folder: what it gives, and one line for everything that can be wrong with a user's files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ladder.experiment.folder import ExperimentError, load
from ladder.experiment.model_ids import bedrock_model_error
from ladder.experiment.validation import Problem
from tests.unit.ladder.experiment.folder_mistakes import CASES, TEST, TRAIN, YAML, Break


def refused(folder: Any) -> ExperimentError:
    with pytest.raises(ExperimentError) as caught:
        load(folder.path)
    return caught.value


@pytest.mark.parametrize(("breaks", "line", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_mistake_is_one_line_with_place_and_remedy(
    folder: Any, breaks: Break, line: str, words: tuple[str, ...]
) -> None:
    breaks(folder)
    error = refused(folder)
    matching = [str(p) for p in error.problems if str(p).startswith(line)]
    assert matching, str(error)
    assert any(all(word in text for word in words) for text in matching), matching
    for problem in error.problems:
        text = str(problem)
        assert "\n" not in text
        assert problem.todo
        assert text in str(error)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c[0] in {"unknown metric", "empty page", "page that is not there"}]
)
def test_one_mistake_is_told_once(folder: Any, case: tuple[str, Break, str, tuple[str, ...]]) -> None:
    case[1](folder)
    beside = [p for p in refused(folder).problems if not str(p).startswith(case[2])]
    # An unknown metric is no correctness metric either; the other cases stand alone.
    assert len(beside) == (1 if case[0] == "unknown metric" else 0), beside


def test_all_mistakes_are_told_at_once_up_to_twenty(folder: Any) -> None:
    folder.test += [folder.question(f"new-{i}", f"Question {i}?", "nine [TEA-1]", f"NO-{i}") for i in range(30)]
    folder.replace(YAML, "name: tea-room", "name: Tea")
    folder.save()
    error = refused(folder)
    lines = str(error).splitlines()
    assert lines[0].endswith("31 problems")
    assert lines[1].strip().startswith("experiment.yaml:1: name")
    assert len(lines) == 1 + 20 + 1
    assert lines[-1] == "  ... and 11 more"
    assert len(error.problems) == 31


FRAGMENTS = (
    "---\n",
    "id: ",
    "&a ",
    "*a",
    "!!int ",
    "\n",
    "  ",
    "null",
    "\\ud800",
    "\ufeff",
    "1e999",
    ": ",
    "- ",
    *"[{}\"'",
)


@settings(deadline=None, derandomize=True, max_examples=80, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from([YAML, TRAIN, TEST, "documents/TEA-1.md"]),
    keep=st.floats(0, 1),
    junk=st.one_of(
        st.binary(max_size=30), st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join).map(str.encode)
    ),
)
def test_whatever_a_file_holds_the_answer_is_an_experiment_or_its_mistakes(
    folder: Any, name: str, keep: float, junk: bytes
) -> None:
    before = (folder.path / name).read_bytes()
    cut = int(len(before) * keep)
    folder.write(name, before[:cut] + junk + before[cut:])
    problems: tuple[Problem, ...] | None = None
    try:
        load(folder.path)
    except ExperimentError as error:
        problems = error.problems
    finally:
        folder.write(name, before)
    assert problems is None or problems
    assert all("\n" not in str(problem) for problem in problems or ())


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="does not exist"):
        load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(ExperimentError, match="is not a folder"):
        load(tmp_path / "file")


def test_what_a_sound_folder_gives(folder: Any) -> None:
    loaded = load(folder.path)
    assert loaded.experiment.name == "tea-room"
    assert [(d.id, d.title, d.text) for d in loaded.documents] == [
        ("TEA-1", "Opening hours", "We open at nine."),
        ("TEA-2", "TEA-2", "A scone costs 4 crowns."),
    ]
    assert [q.id for q in loaded.train] == ["train-1", "train-2"]
    assert loaded.test[0].tags == ("seen-fact",)
    assert loaded.folder.is_absolute()
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.sha256 = "x"  # type: ignore[misc]


def test_title_is_the_first_heading_of_a_page_without_front_matter(folder: Any) -> None:
    folder.write("documents/deep/TEA-3.MD", "# Cakes and pies\n\nAll with butter.\n")
    (page,) = [d for d in load(folder.path).documents if d.id == "TEA-3"]
    assert page.title == "Cakes and pies"
    assert page.text.startswith("# Cakes")


def test_byte_order_marks_and_windows_line_ends_change_nothing(folder: Any) -> None:
    before = load(folder.path)
    for path in [p for p in folder.path.rglob("*") if p.is_file()]:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    after = load(folder.path)
    assert (after.documents, after.test, after.sha256) == (before.documents, before.test, before.sha256)


def test_sha256_follows_the_content_and_not_the_form(folder: Any) -> None:
    before = load(folder.path).sha256
    folder.write(YAML, "# a comment\n" + (folder.path / YAML).read_text(encoding="utf-8"))
    folder.test.reverse()
    folder.save()
    assert load(folder.path).sha256 == before
    folder.change("test", 0, tags=["unanswerable", "new"])
    changed = load(folder.path).sha256
    assert changed != before
    folder.write("documents/TEA-2.txt", "A scone costs 5 crowns.\n")
    assert load(folder.path).sha256 not in (before, changed)


def test_hidden_files_are_no_pages(folder: Any) -> None:
    folder.write("documents/.DS_Store", b"\x00\xff")
    folder.write("documents/.git/HEAD.md", "x")
    assert len(load(folder.path).documents) == 2


@pytest.mark.parametrize(
    "text",
    [
        "us.amazon.nova-micro-v1:0",
        "amazon.titan-embed-text-v2:0",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "deepseek.v3.2",
        "openai.gpt-oss-20b-1:0",
        "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123",
        "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-lite-v1:0",
    ],
)
def test_model_ids_of_bedrock_pass(text: str) -> None:
    assert bedrock_model_error(text) is None


@pytest.mark.parametrize("text", ["", "nova", "us.amazon.nova micro", "arn:aws:s3:::bucket", "amazon.", "x.amazon.y"])
def test_other_model_ids_do_not(text: str) -> None:
    assert bedrock_model_error(text) is not None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "id,question,answer\nq1,How?,So\nq2,Why?,Because\n",
            "is CSV, not JSON Lines; make a folder of it with `ladder init`",
        ),
        ("id;question\nq1;How?\n", "is CSV, not JSON Lines"),
        ("How?\nWhy?\nWhen?\n", "is text, not JSON Lines"),
        (
            '{"data": [{"title": "Tea", "paragraphs": []}]}\n',
            "is one JSON document (SQuAD has this form), not JSON Lines",
        ),
        ('[\n{"id": "q1"},\n{"id": "q2"}\n]\n', "is one JSON document, not JSON Lines"),
    ],
)
def test_a_file_of_another_format_is_one_problem(folder: Any, text: str, told: str) -> None:
    (folder.path / "questions.test.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(ExperimentError) as caught:
        load(folder.path)
    of_the_file = [str(p) for p in caught.value.problems if p.file == "questions.test.jsonl"]
    assert len(of_the_file) == 1
    assert told in of_the_file[0]


def test_pages_of_another_format_are_one_problem_a_kind(folder: Any) -> None:
    for n in range(30):
        (folder.path / "documents" / f"page{n:02d}.html").write_text("<p>x</p>", encoding="utf-8")
    (folder.path / "documents" / "z.pdf").write_bytes(b"%PDF")
    assert [str(problem) for problem in refused(folder).problems] == [
        "documents/page00.html: is not a page, nor are 29 more of its kind;"
        " make a folder of .md files with `ladder init`, or move it away",
        "documents/z.pdf: is not a page; make a folder of .md files with `ladder init`, or move it away",
    ]


def test_page_ids_that_differ_in_case_only_are_refused(folder: Any) -> None:
    first = sorted((folder.path / "documents").glob("*.md"))[0]
    below = folder.path / "documents" / "below"
    below.mkdir()
    (below / first.name.swapcase().replace(".MD", ".md")).write_text("Another page.", encoding="utf-8")
    with pytest.raises(
        ExperimentError, match=rf"is the id of documents/.*{first.name}.* too \(case aside\)|case aside"
    ):
        load(folder.path)
