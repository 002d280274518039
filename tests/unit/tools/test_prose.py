"""The check of texts: what it finds, where it looks, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import prose

ROOT = Path(__file__).parents[3]


def found(text: str, *, python: bool = True) -> list[tuple[int, str]]:
    return [(number, words) for number, words, _ in prose.check(text, python=python)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"""There is none."""', ["is none"]),
        ("# the rows are none of these", ["are none"]),
        ('error = f"{value} is none of {many}"', ["is none"]),
        ("# Nobody reads it, whoever wrote it for somebody", ["Nobody", "whoever", "somebody"]),
        ("what = 'a dearer one; mend it, mended'", ["dearer", "mend", "mended"]),
        ("# null where it is not known", ["null"]),
        ("class A:\n    '''Return null.'''", ["null"]),
        ("x = 1\n\n#: null: open\ny = 2", ["null"]),
    ],
)
def test_words_are_found_in_comments_docstrings_and_strings(text: str, words: list[str]) -> None:
    assert [word for _, word in found(text)] == words


@pytest.mark.parametrize(
    "text",
    [
        "nobody = somebody(dear, null)",
        "x is None",
        '"""Return `null` and `nobody`."""',
        "query = 'select null'",
        "f(\n    'null'\n)",
        "# a JSON null, an SQL null",
        "# the null hypothesis, /dev/null, nullable, amended, dearth",
        "# the cost is nonetheless known",
    ],
)
def test_code_and_the_null_of_json_and_sql_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_lines_are_counted_inside_a_text() -> None:
    assert found('def f():\n    """Return it.\n\n    nobody knows\n    """\n    # dear\n') == [
        (4, "nobody"),
        (6, "dear"),
    ]


def test_markdown_is_looked_at_outside_of_code() -> None:
    text = "Nobody\n```\nnobody\n```\n`nobody` null\nIt is none.\n"
    assert found(text, python=False) == [(1, "Nobody"), (6, "is none")]


def test_the_command_names_file_line_word_and_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1  # somebody\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.md").write_text("fine\n\nmend it\n")
    (tmp_path / "c.txt").write_text("nobody\n")

    def run(*paths: Path) -> tuple[int, str]:
        command = [sys.executable, "-m", "tools.prose", *map(str, paths)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    assert run(tmp_path) == (
        1,
        f"{tmp_path}/a.py:1: somebody: name who it is: the user, a process, a stack\n"
        f"{tmp_path}/deep/b.md:3: mend: fix, or correct\n",
    )
    assert run(tmp_path / "c.txt") == (0, "")


def test_without_paths_all_files_that_git_knows_are_looked_at() -> None:
    files = {str(path) for path in prose.files([])}
    assert {"README.md", "tools/__init__.py", "tests/conftest.py"} <= files
    assert not any(name.startswith((".venv", "experiments/")) for name in files)
