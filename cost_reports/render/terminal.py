"""A document for a terminal, with rich. Nothing in a text is taken as markup.

A table that is too wide comes in parts, each with the columns that name the row: no figure is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text as RichText

from cost_reports.render.document import Block, Bullets, Chart, Document, Heading, Table, Text
from cost_reports.text import printable

STYLES = {"headline": "bold green", "warning": "yellow", "plain": ""}
#: From this width on cells have padding on both sides.
ROOMY = 130
#: Characters that a column of text has at least, where it has as many.
WRAP = 22
WORDS = {"pass": "green", "fail": "red", "uncertain": "yellow"}


def render(document: Document, console: Console, paths: Sequence[str] = ()) -> None:
    """Print the document; `paths` (where the files are) come last, where the eye ends."""
    console.print(_text(document.kicker, style="dim"))
    console.print(_text(document.title, style="bold"))
    if document.summary:
        console.print(_text(document.summary))
    for block in _shown(document.blocks):
        match block:
            case Heading(text=text):
                console.print()
                console.print(_text(text, style="bold underline"))
            case Text(text=text, kind=kind):
                console.print(_text(text, style=STYLES[kind]))
            case Bullets(items=items):
                _bullets(items, console)
            case Chart(table=table):
                _table(table, console)
            case Table():
                _table(block, console)
    if paths:
        console.print()
        for path in paths:
            console.print(_text(path), soft_wrap=True)


def _shown(blocks: Sequence[Block]) -> list[Block]:
    """Return blocks without detail tables, and without headings that then stand over nothing."""
    kept = [b for b in blocks if not (isinstance(b, Table) and b.detail)]
    return [
        b
        for b, after in zip(kept, [*kept[1:], Heading("")], strict=True)
        if not (isinstance(b, Heading) and isinstance(after, Heading))
    ]


def _text(text: str, style: str = "") -> RichText:
    return RichText(printable(text), style=style)


def _bullets(items: Sequence[str], console: Console) -> None:
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for item in items:
        grid.add_row("•", _text(item))
    console.print(grid)


def parts(table: Table, width: int) -> list[Table]:
    """Return `table` in parts of at most `width` characters, each with the columns that name the row.

    It stays whole where it fits (text wraps at `WRAP` characters) or where all of it is names and text.
    """
    gap = 3 if width >= ROOMY else 2
    widths = [_width(table, i) + gap for i in range(len(table.columns))]
    names = sum(1 for _ in takewhile(lambda c: c.align == "left", table.columns))
    while names > 1 and sum(widths[:names]) + max(widths[names:], default=0) > width:
        names -= 1
    values = range(names, len(widths))
    if sum(widths) <= width or not names or all(c.align == "left" for c in table.columns):
        return [table]
    groups: list[list[int]] = []
    room = 0
    for i in values:
        if not groups or widths[i] > room:
            groups.append([])
            room = width - sum(widths[:names])
        groups[-1].append(i)
        room -= widths[i]
    return [
        replace(
            table,
            title=f"{table.title}, continued" if number and table.title else table.title,
            columns=tuple(table.columns[i] for i in (*range(names), *group)),
            rows=tuple(tuple(row[i] for i in (*range(names), *group)) for row in table.rows),
            note=table.note if number == len(groups) - 1 else "",
        )
        for number, group in enumerate(groups)
    ]


def _width(table: Table, column: int) -> int:
    """Return the characters that a column needs."""
    texts = (table.columns[column].name, *(row[column] for row in table.rows))
    longest = max(len(line) for text in texts for line in text.split("\n"))
    return longest if table.columns[column].keep else min(longest, WRAP)


def _table(table: Table, console: Console) -> None:
    if table.detail:
        return
    for part in parts(table, console.width):
        _part(part, console)


def _part(table: Table, console: Console) -> None:
    shown = RichTable(
        title=_text(table.title, style="bold") if table.title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1) if console.width >= ROOMY else (0, 0, 0, 1),
        pad_edge=False,
        show_edge=False,
        caption=_text(table.note, style="dim") if table.note else None,
        caption_justify="left",
    )
    for column in table.columns:
        shown.add_column(_text(column.name), justify=column.align, overflow="fold", no_wrap=column.keep)
    for row in table.rows:
        shown.add_row(*(_text(cell, style=WORDS.get(cell, "")) for cell in row))
    console.print()
    console.print(shown)
