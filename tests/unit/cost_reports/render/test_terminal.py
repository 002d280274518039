"""Tables on narrow terminals: no figure is cut, every part names its rows."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cost_reports.render.document import Document, Table, columns
from cost_reports.render.terminal import parts, render

TABLE = Table(
    title="Quality",
    columns=columns("=variant", ">exact match", ">contained", ">citation", ">ROUGE-L"),
    rows=(("chain-of-thought", "12 [3–36]", "19 [7–43]", "46 [23–71]", "37 [20–54]"),),
    note="the note",
)


def printed(width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    render(Document(title="t", kicker="k", summary="", blocks=(TABLE,)), console)
    out: str = console.file.getvalue()  # type: ignore[attr-defined]
    return out


def test_a_table_that_fits_stays_whole() -> None:
    assert parts(TABLE, 120) == [TABLE]


@pytest.mark.parametrize("width", range(36, 121))
def test_every_figure_is_printed_whole_at_any_width(width: int) -> None:
    text = printed(width)
    assert all(cell in text for cell in TABLE.rows[0][1:])
    assert all(len(line) <= width for line in text.splitlines())


def test_every_part_names_its_rows_and_the_last_one_has_the_note() -> None:
    found = parts(TABLE, 45)
    assert len(found) > 1
    assert all(part.columns[0].name == "variant" and part.rows[0][0] == "chain-of-thought" for part in found)
    assert [part.note for part in found] == [""] * (len(found) - 1) + ["the note"]
    assert [c.name for part in found for c in part.columns[1:]] == [c.name for c in TABLE.columns[1:]]


def test_names_that_wrap_are_repeated_in_every_part() -> None:
    heads = columns("=variant", "setup", *(f">figure {n}" for n in range(8)))
    row = ("chain-of-thought", "scale to zero, trained on demand", *(f"$1,234,567.{n}" for n in range(8)))
    console = Console(file=io.StringIO(), width=80)
    wide = Table(title="Money", columns=heads, rows=(row,))
    render(Document(title="t", kicker="k", summary="", blocks=(wide,)), console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(figure in text for figure in row[2:])
    found = parts(wide, 80)
    assert all(part.rows[0][:2] == row[:2] for part in found)
    assert text.count("scale to zero,") == len(found)


def test_a_table_with_text_to_wrap_is_not_parted() -> None:
    wordy = Table(title="", columns=columns("=variant", "why"), rows=(("rag", "word " * 40),))
    assert parts(wordy, 40) == [wordy]
