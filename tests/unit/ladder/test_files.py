"""Files of the command line: a wrong one is a line, a written one is whole."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ladder import files
from ladder.errors import LadderError


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: path.mkdir(), "is not a regular file"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.write_bytes(b""), "not JSON: Expecting value"),
        (lambda path: path.write_bytes(b"<html>"), "not JSON"),
        (lambda path: path.write_bytes(b"\xff\xfe{\x00"), "not JSON"),
        (lambda path: path.write_bytes(b"\x80abc"), "not JSON"),
        (lambda path: path.write_bytes(b"[" * 100_000), "not JSON"),
        (lambda path: path.write_bytes(b"9" * 5000), "not JSON"),
        (lambda path: path.write_bytes(b"[1]"), "holds a JSON list, not an object"),
        (lambda path: path.write_bytes(b"null"), "holds a JSON NoneType, not an object"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
)
def test_what_is_no_json_object_is_one_line(tmp_path: Path, make: Callable[[Path], object], what: str) -> None:
    path = tmp_path / "report.json"
    make(path)
    with pytest.raises(LadderError) as caught:
        files.read_json(path, "give another")
    assert str(caught.value).startswith(f"{path}: ")
    assert what in str(caught.value)
    assert str(caught.value).endswith("; give another")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(b'{"a": 1}')
    assert files.read_json(path, "x") == {"a": 1}
    monkeypatch.setattr(files, "MOST_BYTES", 7)
    with pytest.raises(LadderError, match="has 8 bytes, at most 7 are read"):
        files.read_json(path, "x")


def test_a_file_that_is_missing_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.read_json(tmp_path / "no.json", "x")


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    files.write_text(path, "first\r\n")
    assert path.read_bytes() == b"first\r\n"
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "second \ud800")
    assert path.read_bytes() == b"first\r\n"
    files.write_text(path, "third")
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]
