"""Outside text never steers a terminal or a browser."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cost_reports.render import html, markdown, terminal
from cost_reports.render.document import Bullets, Document, Heading, Table, Text, columns
from cost_reports.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, 漢字, é, 👍🏽, line\nend, tab\t.", "plain, 漢字, é, 👍🏽, line\nend, tab\t."),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x1b]8;;http://x\x07link", "\\x1b]8;;http://x\\x07link"),
        ("a\rb", "a\\rb"),
        ("\x9b31m", "\\x9b31m"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("\x00\x7f", "\\x00\\x7f"),
    ],
)
def test_what_would_steer_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_no_form_of_a_document_holds_control_characters() -> None:
    evil = "\x1b]0;title\x07\u202e"
    table = Table(title=evil, columns=columns(evil), rows=((evil,),), note=evil)
    blocks = (Heading(evil), Text(evil), Bullets((evil,)), table)
    document = Document(title=evil, kicker=evil, summary=evil, blocks=blocks)
    out = io.StringIO()
    terminal.render(document, Console(file=out, width=100, color_system=None), [evil])
    for form in (out.getvalue(), html.render(document), markdown.render(document)):
        assert "\x1b" not in form
        assert "\x07" not in form
        assert "\u202e" not in form
