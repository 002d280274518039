"""Help comes at once, and wrong use ends with one line and exit code 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ladder import cli

ROOT = Path(__file__).parents[4]
HEAVY = ("boto3", "botocore", "cost_reports", "duckdb", "offline", "pydantic", "rich", "yaml")


def test_the_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, ladder.cli; sys.exit(' '.join(sys.modules.keys() & {set(HEAVY)}))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stderr.strip() == ""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["estimate", "--regions", "x"], "error: No such option: --regions"),
        (["tags", "backfill", "--months", "13"], "error: Invalid value for '--months'"),
        (["report", "--since", "today"], "error: Invalid value for '--since'"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    words: list[str], line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ladder", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    (printed,) = capsys.readouterr().err.splitlines()
    assert printed.startswith(line)
    assert printed.endswith("; see --help")
