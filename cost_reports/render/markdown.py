"""A document as GitHub-flavoured Markdown; charts are left out, their tables stay. Every text is escaped."""

from __future__ import annotations

import html
import re

from cost_reports.render.document import Block, Bullets, Chart, Document, Heading, Table, Text
from cost_reports.text import printable

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|!~$])")
_AT_START = re.compile(r"^(\s*)([-+=])|^(\s*\d+)([.)])(?=\s|$)")


def escape(text: str) -> str:
    """Return `text` as Markdown that shows it as it is: no link, image, HTML, table cell or list comes out of it."""
    flat = html.escape(printable(" ".join(text.split())), quote=False)
    return _AT_START.sub(r"\1\3\\\2\4", _SPECIAL.sub(r"\\\1", flat))


def render(document: Document) -> str:
    """Return the whole document as text."""
    head = [f"# {escape(document.title)}", escape(document.kicker), escape(document.summary)]
    return "\n\n".join(part for part in [*head, *map(_block, document.blocks)] if part) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text=text):
            return f"## {escape(text)}"
        case Text(text=text, kind="headline"):
            return f"**{escape(text)}**"
        case Text(text=text):
            return escape(text)
        case Bullets(items=items):
            return "\n".join(f"- {escape(item)}" for item in items)
        case Chart(title=title, table=table):
            return f"### {escape(title)}\n\n{_table(table)}"
        case Table():
            return _table(block)


def _table(table: Table) -> str:
    lines = [f"**{escape(table.title)}**", ""] if table.title else []
    lines.append("| " + " | ".join(escape(c.name) for c in table.columns) + " |")
    lines.append("|" + "|".join("---:" if c.align == "right" else "---" for c in table.columns) + "|")
    lines += ["| " + " | ".join(escape(cell) for cell in row) + " |" for row in table.rows]
    if table.note:
        lines += ["", escape(table.note)]
    return "\n".join(lines)
