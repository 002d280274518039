"""Tokens by script, and what they make of a task."""

from __future__ import annotations

import pytest

from lambdas.run_report.outlook import tokens


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("abcd", 1),
        ("abcde", 2),
        ("Größe", 2),
        ("насос", 3),
        ("ضغط", 2),
        ("漢字かな", 4),
        ("ปั๊ม", 4),
        ("펌프", 2),
        ("abcd漢字", 3),
        ("абвг abc", 3),
        ("🔧", 1),
    ],
)
def test_tokens_by_hand(text: str, count: int) -> None:
    assert tokens(text) == count
