"""Find words that the project's texts avoid, in Markdown and in the comments and strings of Python.

`python -m tools.prose [PATH...]` looks at the files and folders named, or at all that git knows. What stands in
backticks or in a fenced block is code, and is left alone.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
#: Texts of a company that does not exist, and the two files that have to name the words.
LEFT_OUT = ("experiments", "tools/prose.py", "tests/unit/tools/test_prose.py")

Kind = Literal["markdown", "comment", "docstring", "string"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern, what to write instead, the texts that it holds for, and what excuses a line."""

    pattern: re.Pattern[str]
    instead: str
    kinds: frozenset[Kind] = frozenset({"markdown", "comment", "docstring", "string"})
    unless: re.Pattern[str] | None = None


RULES = (
    Rule(re.compile(r"\b(?:is|are|was|were) none\b"), "say what it is, or what was expected"),
    Rule(re.compile(r"\b(?:no|some)body\b|\bwhoever\b", re.IGNORECASE), "name who it is: the user, a process, a stack"),
    Rule(re.compile(r"\bdear(?:er|est)?\b", re.IGNORECASE), "expensive, or the price"),
    Rule(re.compile(r"\bmend(?:s|ed|ing)?\b", re.IGNORECASE), "fix, or correct"),
    Rule(
        re.compile(r"(?<!/dev/)\bnull\b(?! hypothesis)"),
        "None (a line that names JSON or SQL may say it)",
        frozenset({"comment", "docstring"}),
        re.compile(r"JSON|SQL|Parquet|Athena|DuckDB"),
    ),
)
_CODE = re.compile(r"`[^`\n]*`")
_FENCE = re.compile(r"^\s*(```|~~~)")
#: Before a statement. A string that stands there is a docstring.
_STARTS = (tokenize.ENCODING, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
#: A string, or what Python 3.12 and later give for the text of an f-string or a t-string.
_STRINGS = {getattr(tokenize, name, tokenize.STRING) for name in ("STRING", "FSTRING_MIDDLE", "TSTRING_MIDDLE")}


def check(text: str, *, python: bool) -> Iterator[tuple[int, str, str]]:
    """Yield (line number, words found, what to write instead)."""
    for number, kind, line in _python(text) if python else _markdown(text):
        prose = _CODE.sub("``", line)
        for rule in RULES:
            if kind in rule.kinds and not (rule.unless and rule.unless.search(line)):
                yield from ((number, match.group(), rule.instead) for match in rule.pattern.finditer(prose))


def _markdown(text: str) -> Iterator[tuple[int, Kind, str]]:
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, "markdown", line


def _python(text: str) -> Iterator[tuple[int, Kind, str]]:
    before = tokenize.ENCODING
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind: Kind | None = None
        if token.type == tokenize.COMMENT:
            kind = "comment"
        elif token.type in _STRINGS:
            kind = "docstring" if before in _STARTS else "string"
        if kind:
            for number, line in enumerate(token.string.splitlines(), start=token.start[0]):
                yield number, kind, line
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            before = token.type


def files(paths: Sequence[str]) -> Iterator[Path]:
    """Yield the Python and Markdown files of the paths, or of the repository where there are none."""
    listed: Iterable[Path]
    if paths:
        listed = (file for path in map(Path, paths) for file in (sorted(path.rglob("*")) if path.is_dir() else [path]))
    else:
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        listed = map(Path, subprocess.check_output(command, cwd=ROOT, text=True).splitlines())
    for path in listed:
        full = (Path.cwd() if paths else ROOT) / path
        left_out = any(full.is_relative_to(ROOT / name) for name in LEFT_OUT)
        if path.suffix in (".py", ".md") and not left_out and full.is_file():
            yield path


def main() -> None:
    found = 0
    base = Path.cwd() if sys.argv[1:] else ROOT
    for path in files(sys.argv[1:]):
        text = (base / path).read_text(encoding="utf-8")
        for number, words, instead in check(text, python=path.suffix == ".py"):
            print(f"{path}:{number}: {words}: {instead}")  # noqa: T201
            found += 1
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
